import { delay } from "@std/async/delay";
import { join } from "@std/path/posix/join";
import { FuruError, ProtocolError } from "../core/errors.ts";
import { LineChannel, PROTOCOL_VERSION } from "./protocol/line_channel.ts";
import { parseHello } from "./protocol/child_message.ts";

/** Longest path of a unix socket that every system accepts, less some. */
const MAX_SOCKET_PATH_BYTES = 100;

/**
 * The socket on which the computing processes of this supervisor report, in a folder that only its user can
 * enter.
 */
export class WorkerListener implements AsyncDisposable {
  /** Path of the socket. */
  readonly path: string;
  /** The folder that holds it alone. */
  readonly folder: string;
  readonly #listener: Deno.UnixListener;
  readonly #waiting = new Map<string, PromiseWithResolvers<LineChannel>>();
  readonly #accepting: Promise<void>;
  #closed = false;

  private constructor(folder: string, path: string, listener: Deno.UnixListener) {
    this.folder = folder;
    this.path = path;
    this.#listener = listener;
    this.#accepting = this.#accept();
  }

  /**
   * Begins to listen.
   *
   * @param folders Where to make the socket's folder: the first that serves; `undefined` is the system's
   * folder for temporary files, which may be missing, on a filesystem without sockets, or too long a path.
   * @throws {FuruError} If none does.
   */
  static open(folders: readonly (string | undefined)[] = [undefined, "/tmp", "/dev/shm"]): WorkerListener {
    const problems: string[] = [];
    for (const dir of folders) {
      let folder: string | undefined;
      try {
        folder = Deno.makeTempDirSync({ prefix: "furu-", ...(dir === undefined ? {} : { dir }) });
        const path = join(folder, "s");
        const bytes = new TextEncoder().encode(path).length;
        if (bytes > MAX_SOCKET_PATH_BYTES) throw new RangeError(`${path} is too long for a socket`);
        return new WorkerListener(folder, path, Deno.listen({ transport: "unix", path }));
      } catch (error) {
        if (folder !== undefined) removeTree(folder);
        problems.push(`${dir ?? "the system's temporary folder"} (${(error as Error).message})`);
      }
    }
    throw new FuruError(`Cannot start workers as no folder takes their socket: tried ${problems.join(", ")}`);
  }

  /**
   * Waits for a process that will say this token. {@link forget} it when it will not come.
   *
   * @returns Its messages, when it is ready.
   */
  expect(token: string): Promise<LineChannel> {
    const waiting = Promise.withResolvers<LineChannel>();
    waiting.promise.catch(() => {}); // who waits may give up before it is refused
    this.#waiting.set(token, waiting);
    return waiting.promise;
  }

  /** Does not wait for that process any more. */
  forget(token: string): void {
    this.#waiting.delete(token);
  }

  /** Stops listening and removes the folder. Connections that are open stay so. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
    removeTree(this.folder);
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    while (!this.#closed) {
      try {
        const conn = await this.#listener.accept();
        const channel: LineChannel = new LineChannel(conn, (line) => this.#greet(line, channel));
      } catch {
        // Closed; or out of file descriptors, which passes when others are closed.
        if (!this.#closed) await delay(50);
      }
    }
  }

  #greet(line: string, channel: LineChannel): void {
    channel.onLine = () => {};
    const hello = parseHello(line);
    const waiting = hello && this.#waiting.get(hello.token);
    if (!waiting) return channel.close();
    if (hello.v === PROTOCOL_VERSION) return waiting.resolve(channel);
    waiting.reject(
      new ProtocolError(
        `Cannot use process ${hello.pid} as it speaks version ${hello.v} of the messages: ` +
          `this furu speaks version ${PROTOCOL_VERSION}`,
      ),
    );
    channel.close();
  }
}

function removeTree(folder: string): void {
  try {
    Deno.removeSync(folder, { recursive: true });
  } catch {
    // It holds one socket, and somebody else has removed it already.
  }
}
