import { errorCode } from "../../core/errors.ts";
import type { Machine } from "../../core/system/machine.ts";

/** Looks that all saw the same. */
interface Series {
  seen: string;
  firstEnd: number;
  lastEnd: number;
  looks: number;
  expired: boolean;
}

/** What one look at a heartbeat's file shows. */
export interface Beat {
  /** What a heartbeat changes: two equal texts are no sign of life. */
  seen: string;
  /** Time of the last beat by the clock of the one that beats, in milliseconds. */
  mtimeMs: number;
}

/**
 * The looks of one observer at one heartbeat (ARCHITECTURE, "Dead or alive"): by the observer's own monotonic
 * clock, a series of at least three looks that all saw the same over a whole lease, none of them long or long
 * after the one before.
 */
export class HeartbeatSeries {
  #series: Series | undefined;
  #last: string | undefined;
  #beatAt: number | undefined;

  /**
   * When a look last saw something else than the look before: monotonic milliseconds; `undefined` before
   * that.
   */
  get beatAt(): number | undefined {
    return this.#beatAt;
  }

  /**
   * Since when all looks, none long after the one before, have seen the same: monotonic milliseconds.
   * `undefined` where the last one proves nothing.
   */
  get sameSince(): number | undefined {
    return this.#series?.firstEnd;
  }

  /** Whether nothing has changed for a whole lease, as far as the looks prove it. */
  get expired(): boolean {
    return this.#series?.expired ?? false;
  }

  /**
   * Adds a look, or starts the series again where looks so far apart, or so slow, prove nothing.
   *
   * @param seen What the look saw.
   * @param leaseMs How long the heartbeat may stay the same, in milliseconds.
   * @param before Monotonic milliseconds just before the look.
   * @param after The same just after it.
   * @returns Whether what was seen had changed.
   */
  add(seen: string, leaseMs: number, before: number, after: number): boolean {
    if (this.#last !== undefined && this.#last !== seen) this.#beatAt = after;
    this.#last = seen;
    const series = this.#series;
    const third = leaseMs / 3;
    const slow = after - before > third;
    const gap = series !== undefined && before - series.lastEnd > third;
    if (!series || series.seen !== seen || slow || gap) {
      this.#series = slow ? undefined : { seen, firstEnd: after, lastEnd: after, looks: 1, expired: false };
      return series?.seen !== seen;
    }
    series.looks++;
    series.lastEnd = after;
    series.expired = series.looks >= 3 && before - series.firstEnd >= leaseMs;
    return false;
  }

  /** Forgets all looks, but not when a beat was seen. */
  forget(): void {
    this.#last = undefined;
    this.#series = undefined;
  }
}

/**
 * What a heartbeat changes, read through a handle so that no cached attributes are seen; nothing where no
 * file is.
 */
export async function readBeat({ files }: Machine, path: string): Promise<Beat | undefined> {
  try {
    using file = await files.open(path);
    const { ino, mtimeMs } = await file.stat();
    return { seen: `${ino} ${mtimeMs}`, mtimeMs };
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
