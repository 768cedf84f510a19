import { stripAnsiCode } from "@std/fmt/colors";
import { BarFilter } from "./bar_filter.ts";

const MAX_BYTES = 4096;
const MAX_LINES = 20;
/**
 * Lines of the trace of a program that crashed, as `/bin/deno(+0x2b81368) [0x556c9975b368]`, and of what Deno
 * prints below its own errors: what they are about stands above.
 */
const NATIVE_FRAME =
  /^\s+\S+\(\w*\+0x[\da-f]+\) \[0x[\da-f]+\]$|^Stack backtrace:$|^ +\d+: (<unknown>|__libc_\w+)$|^ +at \.\/csu\//;

/**
 * Remembers the end of some output, however much there is of it: the last 20 lines, at most 4 KiB. What was
 * written over, as a progress bar does it, is left out, and so are colours and the addresses of a crash.
 */
export class Tail {
  readonly #bars = new BarFilter();
  #pieces: Uint8Array[] = [];
  #bytes = 0;
  #cut = false;

  /**
   * Adds output.
   *
   * @param chunk Copied, as far as it is kept.
   */
  push(chunk: Uint8Array): void {
    this.#add(this.#bars.push(chunk));
  }

  #add(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    const piece = chunk.slice(Math.max(0, chunk.length - MAX_BYTES));
    if (piece.length < chunk.length) this.#cut = true;
    this.#pieces.push(piece);
    this.#bytes += piece.length;
    while (this.#bytes - this.#pieces[0]!.length >= MAX_BYTES) {
      this.#bytes -= this.#pieces.shift()!.length;
      this.#cut = true;
    }
    // Many tiny pieces would cost more than what they hold.
    if (this.#pieces.length > 256) this.#pieces = [this.#joined()];
  }

  /** The last lines, oldest first. A first line that was cut is left out unless it is the only one. */
  lines(): string[] {
    const whole = this.#joined();
    const cut = this.#cut || whole.length > MAX_BYTES;
    const decoder = new TextDecoder();
    const text = decoder.decode(whole.subarray(Math.max(0, whole.length - MAX_BYTES)));
    const lines = stripAnsiCode(text).split(/\r?\n/);
    const held = stripAnsiCode(decoder.decode(this.#bars.held().subarray(0, MAX_BYTES)));
    if (held !== "") {
      if (lines.at(-1) === "") lines.pop();
      lines.push(held);
    }
    if (lines.at(-1) === "") lines.pop();
    if (cut && lines.length > 1) lines.shift();
    return lines.filter((line) => !NATIVE_FRAME.test(line)).slice(-MAX_LINES);
  }

  #joined(): Uint8Array {
    const whole = new Uint8Array(this.#bytes);
    let at = 0;
    for (const piece of this.#pieces) {
      whole.set(piece, at);
      at += piece.length;
    }
    return whole;
  }
}
