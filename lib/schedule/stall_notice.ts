import { formatDuration } from "../ui/duration.ts";

/** Milliseconds without progress after which people are told why. */
export const NOTICE_AFTER_MS = 60_000;

/** A reason for which nothing moves. */
export interface StallReason {
  /** The reason without what changes all the time, as numbers do: another key is another reason. */
  readonly key: string;
  /** For people. */
  readonly text: string;
}

/** Says why a run waits: after a minute without progress, once, and again when the reason changes. */
export class StallNotice {
  readonly #say: (text: string) => void;
  #movedAt: number;
  #saidAt = -Infinity;
  #said: string | undefined;

  /** @param now The time now, in monotonic milliseconds, as everywhere here. */
  constructor(say: (text: string) => void, now: number) {
    this.#say = say;
    this.#movedAt = now;
  }

  /** Something moves: the minute begins again. */
  moved(now: number): void {
    this.#movedAt = now;
    this.#said = undefined;
  }

  /** Whether a reason would be said now, so that none is made up in vain. */
  isDue(now: number): boolean {
    return now - this.#movedAt >= NOTICE_AFTER_MS && now - this.#saidAt >= NOTICE_AFTER_MS;
  }

  /** Says the reason that there is now, where it is due and was not said. */
  look(now: number, reason: StallReason | undefined): void {
    if (reason === undefined || reason.key === this.#said || !this.isDue(now)) return;
    this.#said = reason.key;
    this.#saidAt = now;
    this.#say(`nothing has moved for ${formatDuration(now - this.#movedAt)}: ${reason.text}`);
  }
}

/**
 * One reason for many, the first three of which are named.
 *
 * @param reasons Of what, and why.
 */
export function jointReason(reasons: readonly { of: string; why: string }[]): StallReason | undefined {
  if (reasons.length === 0) return undefined;
  const shown = reasons.slice(0, 3).map(({ of, why }) => `${of} waits for ${why}`);
  const left = reasons.length - shown.length;
  return {
    key: [...new Set(reasons.map(({ of, why }) => `${of} ${why.replaceAll(/[\d.]+ ?[hms]?/g, "")}`))].sort()
      .join("\n"),
    text: `${shown.join("; ")}${left > 0 ? `; and ${left} more` : ""}`,
  };
}
