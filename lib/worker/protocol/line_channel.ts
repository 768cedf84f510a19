import { concat } from "@std/bytes/concat";
/** The version of the messages. A process that speaks another one is refused. */
export const PROTOCOL_VERSION = 1;

const NEWLINE = 10;
const READ_BYTES = 65_536;
/** Longer than any sensible message: beyond it the other end is not speaking our protocol. */
const MAX_LINE_BYTES = 256 * 1024 * 1024;

/** The part of a connection that a {@link LineChannel} needs. */
export interface ByteStream {
  /** Reads some bytes; `null` at the end. */
  read(into: Uint8Array): Promise<number | null>;
  /** Writes some bytes and says how many. */
  write(bytes: Uint8Array): Promise<number>;
  /** Ends both directions. */
  close(): void;
}

/** Cuts a stream of bytes into lines, whatever the pieces it arrives in. */
export class LineDecoder {
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  readonly #text = new TextDecoder();

  /**
   * @param chunk The next bytes; may be reused by the caller afterwards.
   * @returns The lines that are complete now, without their line ends.
   * @throws {RangeError} If a line is longer than 256 MiB.
   */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = [];
    let from = 0;
    for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, from)) {
      lines.push(this.#complete(chunk.subarray(from, to)));
      from = to + 1;
    }
    if (from < chunk.length) {
      this.#pieces.push(chunk.slice(from));
      this.#bytes += chunk.length - from;
      if (this.#bytes > MAX_LINE_BYTES) {
        throw new RangeError(`Cannot read a message as it is longer than ${MAX_LINE_BYTES} bytes`);
      }
    }
    return lines;
  }

  #complete(last: Uint8Array): string {
    if (this.#pieces.length === 0) return this.#text.decode(last);
    const whole = concat([...this.#pieces, last]);
    this.#pieces = [];
    this.#bytes = 0;
    return this.#text.decode(whole);
  }
}

/** JSON messages over a connection, one a line, in both directions. */
export class LineChannel implements Disposable {
  /** Called for each line that arrives. */
  onLine: (line: string) => void;
  /** Resolves when nothing more will arrive. */
  readonly ended: Promise<void>;
  readonly #stream: ByteStream;
  /** What is to be written next, and who is told when it was. */
  #lines: string[] = [];
  #written = Promise.withResolvers<boolean>();
  #writing = false;
  #closed = false;

  /**
   * @param stream The connection, from now on owned by this channel.
   * @param onLine Called for each line.
   */
  constructor(stream: ByteStream, onLine: (line: string) => void) {
    this.#stream = stream;
    this.onLine = onLine;
    this.ended = this.#read();
  }

  /**
   * Sends a message after those sent before. What is sent in the same turn, or while a write is on its way,
   * goes in one write.
   *
   * @returns `false` when the other end is gone.
   */
  send(message: unknown): Promise<boolean> {
    this.#lines.push(JSON.stringify(message));
    if (!this.#writing) void this.#write();
    return this.#written.promise;
  }

  async #write(): Promise<void> {
    this.#writing = true;
    await Promise.resolve();
    while (this.#lines.length > 0) {
      const { resolve } = this.#written;
      const bytes = new TextEncoder().encode(`${this.#lines.join("\n")}\n`);
      this.#lines = [];
      this.#written = Promise.withResolvers();
      try {
        for (let sent = 0; sent < bytes.length;) sent += await this.#stream.write(bytes.subarray(sent));
        resolve(true);
      } catch {
        resolve(false); // a broken pipe says nothing that the end of reading does not say as well
      }
    }
    this.#writing = false;
  }

  /** Ends the connection; harmless when it has ended. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stream.close();
  }

  /** Ends the connection. */
  [Symbol.dispose](): void {
    this.close();
  }

  async #read(): Promise<void> {
    const decoder = new LineDecoder();
    const buffer = new Uint8Array(READ_BYTES);
    try {
      for (let count = await this.#stream.read(buffer); count !== null;) {
        for (const line of decoder.push(buffer.subarray(0, count))) this.onLine(line);
        count = await this.#stream.read(buffer);
      }
    } catch {
      // A connection that was reset or closed from this side has ended like any other.
    } finally {
      this.close();
    }
  }
}
