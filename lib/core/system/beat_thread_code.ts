/**
 * What the thread that beats runs: plain JavaScript in a `data:` URL, so that it survives bundling and
 * compiling. An uncaught error in a Worker ends the whole process, so errors are caught one by one.
 *
 * It also hears SIGINT and SIGTERM while the main thread is blocked: the main thread has two seconds to say
 * that it has heard them too; then the thread writes down that the process is ended and kills it. It listens
 * only while there is something that may block, for a listener takes from the signals what they do by
 * default: Ctrl-C would be lost.
 */
const CODE = `
const owners = new Map();
let blocking = 0, listening = false, dying;

const release = (id) => {
  const owner = owners.get(id);
  if (!owner) return;
  owners.delete(id);
  clearInterval(owner.timer);
  try { owner.file.close(); } catch { /* closed */ }
  if (owner.lastWords && --blocking === 0) listen(false);
};
const lose = (id, reason) => { release(id); self.postMessage({ op: "lost", id, reason }); };
const isThere = (path) => {
  try { Deno.lstatSync(path); return true; } catch { return false; }
};
const beat = (id, file, dead) => {
  if (dead !== undefined && isThere(dead)) return lose(id, "this process was declared dead");
  try {
    if (file.statSync().nlink === 0) return lose(id, "it was removed by somebody else");
    const now = new Date();
    file.utimeSync(now, now);
  } catch (error) {
    // Anything but a file that is gone for good may pass; the next beat tries again.
    if (error.code === "ESTALE") lose(id, "the file server no longer knows it");
  }
};

const die = () => {
  for (const { dead, lastWords } of owners.values()) {
    if (!lastWords) continue;
    const { text, temporary } = lastWords;
    try { Deno.writeTextFileSync(temporary, text); } catch { /* the next claimant sees a dead owner */ }
    try { Deno.linkSync(temporary, dead); } catch { /* somebody else has said it */ }
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

self.onmessage = ({ data: { op, id, path, unlink, dead, intervalMs, lastWords, first } }) => {
  if (op === "heard") {
    clearTimeout(dying);
    dying = undefined;
    return;
  }
  if (op === "stop") {
    release(id);
    return self.postMessage({ op: "stopped", id });
  }
  // What has ended already must not begin to listen: a signal of that moment would be lost.
  if (Atomics.compareExchange(first, 0, 0, 1) !== 0) return;
  let file;
  try {
    file = Deno.openSync(path, { read: true });
  } catch (error) {
    return self.postMessage({ op: "lost", id, reason: "its file cannot be opened: " + error.message });
  }
  if (unlink) try { Deno.removeSync(path); } catch { /* the owner sweeps it */ }
  owners.set(id, { file, dead, lastWords, timer: setInterval(() => beat(id, file, dead), intervalMs) });
  if (lastWords && ++blocking === 1) listen(true);
  self.postMessage({ op: "opened", id });
};
`;

/** The URL of the code of the thread that beats. */
export const BEAT_THREAD_URL: string = `data:application/javascript,${encodeURIComponent(CODE)}`;
