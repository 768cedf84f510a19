/** What the watcher of a computing process needs to know. */
export interface WatcherOptions {
  /** Path of the supervisor's socket. */
  socket: string;
  /** The hello to send first, as one line. */
  hello: string;
}

/**
 * The watcher's whole program, as text: it runs from a `data:` URL, so that it survives bundling and compiling. Where
 * nobody answers on the socket any more it also removes the folder of it, as its owner cannot.
 */
const PROGRAM = `
const { socket, hello } = OPTIONS;
const die = () => {
  try { Deno.kill(-Deno.pid, "SIGKILL"); } catch { /* leads no group */ }
  Deno.kill(Deno.pid, "SIGKILL");
};
try {
  const conn = await Deno.connect({ transport: "unix", path: socket });
  await conn.write(new TextEncoder().encode(hello));
  postMessage("watching");
  const buffer = new Uint8Array(64);
  while (await conn.read(buffer) !== null);
} catch { /* no supervisor, or it went away */ }
for (let look = 0; look < 5; look++) {
  try {
    const others = await Deno.connect({ transport: "unix", path: socket });
    others.close();
  } catch {
    try { Deno.removeSync(socket.slice(0, socket.lastIndexOf("/")), { recursive: true }); } catch { /* gone */ }
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 10)); // it may be about to die: its files close one by one
}
die();
`;

/**
 * Starts a thread whose only business is to kill this process and all that it started when the supervisor is gone,
 * even in the middle of a computation that never lets the event loop turn.
 *
 * @returns Resolves when the supervisor can no longer die unnoticed.
 */
export function startWatcher(options: WatcherOptions): Promise<void> {
  const program = PROGRAM.replace("OPTIONS", () => JSON.stringify(options));
  const worker = new Worker(`data:text/javascript,${encodeURIComponent(program)}`, {
    type: "module",
    name: "furu watcher",
  });
  return new Promise((resolve) => worker.onmessage = () => resolve());
}
