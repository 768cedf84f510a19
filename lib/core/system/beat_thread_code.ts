/**
 * The number of claims with a handle of their own: a process may have 1,024 files open, and needs some
 * itself.
 */
const MAX_HANDLES = 128;

/**
 * What the thread that beats runs: plain JavaScript in a `data:` URL, so that it survives bundling and
 * compiling. An uncaught error in a Worker ends the whole process, so each claim's errors are caught by
 * themselves.
 *
 * It also hears SIGINT and SIGTERM while the main thread is blocked: the main thread has two seconds to say
 * that it has heard them too; then the thread links the end of each attempt and kills the process. It listens
 * only while there is such an attempt, for a listener takes from the signals what they do by default: Ctrl-C
 * would be lost.
 */
const CODE = `
const claims = new Map();
let handles = 0, blocking = 0, listening = false, dying;

const release = (id) => {
  const claim = claims.get(id);
  if (!claim) return;
  claims.delete(id);
  clearInterval(claim.timer);
  if (claim.file) {
    handles--;
    try { claim.file.close(); } catch { /* closed */ }
  }
  if (claim.lastWords && --blocking === 0) listen(false);
};
const lose = (id, reason) => { release(id); self.postMessage({ op: "lost", id, reason }); };
const beat = (id, file) => {
  try {
    if (file.statSync().nlink === 0) return lose(id, "its claim was removed by somebody else");
    const now = new Date();
    file.utimeSync(now, now);
  } catch (error) {
    // Anything but a file that is gone for good may pass; the next beat tries again.
    if (error.code === "ESTALE") lose(id, "the file server no longer knows its claim");
  }
};
const isOurs = (file, linked) => {
  const bytes = new Uint8Array(65536);
  const text = new TextDecoder().decode(bytes.subarray(0, file.readSync(bytes) ?? 0));
  try { return JSON.parse(text).id === linked.id; } catch { return false; }
};
// Opened by its name: that may be somebody else's by now, so the file itself is asked. It may also be away
// for a moment, while somebody looks whose it is.
const beatByName = (id, linked, again) => {
  let file;
  try {
    file = Deno.openSync(linked.path, { read: true });
    if (isOurs(file, linked)) {
      const now = new Date();
      return file.utimeSync(now, now);
    }
  } catch (error) {
    if (error.code !== "ENOENT") return;
  } finally {
    file?.close();
  }
  if (again) return lose(id, "its claim was removed by somebody else");
  const claim = claims.get(id);
  setTimeout(() => claims.get(id) === claim && beatByName(id, linked, true), 1000);
};

const die = () => {
  for (const { lastWords } of claims.values()) {
    if (!lastWords) continue;
    const { path, temporary } = lastWords;
    const text = JSON.stringify({ ...JSON.parse(lastWords.text), endedAt: new Date().toISOString() });
    try { Deno.writeTextFileSync(temporary, text); } catch { /* the next claimant sees a dead owner */ }
    try { Deno.linkSync(temporary, path); } catch { /* somebody else ended it */ }
    try { Deno.removeSync(temporary); } catch { /* was never made */ }
  }
  Deno.kill(Deno.pid, "SIGKILL");
};
const onSignal = () => {
  // Somebody who presses Ctrl-C again and again does not put it off.
  dying ??= setTimeout(die, 2000);
  self.postMessage({ op: "signal" });
};
const listen = (on) => {
  if (listening === on) return;
  listening = on;
  const change = on ? Deno.addSignalListener : Deno.removeSignalListener;
  for (const signal of ["SIGINT", "SIGTERM"]) {
    try { change(signal, onSignal); } catch { /* not on this system */ }
  }
};

self.onmessage = ({ data: { op, id, path, linked, intervalMs, lastWords, first } }) => {
  if (op === "heard") {
    clearTimeout(dying);
    dying = undefined;
    return;
  }
  if (op === "stop") {
    release(id);
    return self.postMessage({ op: "stopped", id });
  }
  // A claim that has ended already must not begin to listen: a signal of that moment would be lost.
  if (Atomics.compareExchange(first, 0, 0, 1) !== 0) return;
  let file;
  try {
    if (!linked || handles < ${MAX_HANDLES}) file = Deno.openSync(path, { read: true });
  } catch (error) {
    return self.postMessage({ op: "lost", id, reason: "its claim cannot be opened: " + error.message });
  }
  try { Deno.removeSync(path); } catch { /* the owner sweeps it */ }
  if (file) handles++;
  const tick = file ? () => beat(id, file) : () => beatByName(id, linked, false);
  claims.set(id, { file, lastWords, timer: setInterval(tick, intervalMs) });
  if (lastWords && ++blocking === 1) listen(true);
  self.postMessage({ op: "opened", id });
};
`;

/** The URL of the code of the thread that beats. */
export const BEAT_THREAD_URL: string = `data:application/javascript,${encodeURIComponent(CODE)}`;
