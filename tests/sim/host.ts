import type { FileInfo } from "../../lib/core/system/files.ts";
import type { Random } from "./random.ts";

/** A simulated machine: clocks of its own, and a file-system client that remembers what it saw. */
export class Host {
  /** Its name. */
  readonly name: string;
  /** Changes with each boot. */
  boot: string;
  /** Paths remembered as missing, and until when (world time). */
  readonly negative: Map<string, number> = new Map();
  /** Attributes remembered by path, and until when (world time). */
  readonly attributes: Map<string, { info: FileInfo; until: number }> = new Map();
  readonly #time: () => number;
  readonly #monotonicOffset: number;
  #wallOffset: number;

  /** @param name Its name. @param time The world's time in milliseconds. @param random For the clocks' offsets. */
  constructor(name: string, time: () => number, random: Random) {
    this.name = name;
    this.boot = random.hex(8);
    this.#time = time;
    this.#monotonicOffset = random.scale(1e3, 1e8);
    this.#wallOffset = 1.76e12 + (random.next() - 0.5) * 600_000;
  }

  /** Milliseconds since 1970 by its wall clock, which is wrong by minutes. */
  wall(): number {
    return Math.floor(this.#time() + this.#wallOffset);
  }

  /** Milliseconds of its clock that never jumps. */
  monotonic(): number {
    return this.#time() + this.#monotonicOffset;
  }

  /** World time in milliseconds, which no process can see. */
  time(): number {
    return this.#time();
  }

  /** Sets the wall clock off by so many milliseconds. */
  jump(ms: number): void {
    this.#wallOffset += ms;
  }

  /** Starts again: another boot, nothing remembered. */
  reboot(boot: string): void {
    this.boot = boot;
    this.negative.clear();
    this.attributes.clear();
  }

  /** Is the path, or a folder on the way, remembered as missing? */
  believesMissing(path: string): boolean {
    for (const [missing, until] of this.negative) {
      if (until <= this.#time()) this.negative.delete(missing);
      else if (path.startsWith(missing) && (path.length === missing.length || path[missing.length] === "/")) {
        return true;
      }
    }
    return false;
  }

  /** Listing a folder refreshes what was remembered as missing in it. */
  listed(folder: string): void {
    for (const missing of this.negative.keys()) {
      if (missing.lastIndexOf("/") === folder.length && missing.startsWith(folder)) {
        this.negative.delete(missing);
      }
    }
  }
}
