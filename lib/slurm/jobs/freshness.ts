/** The longest interval between two lists, however old they are, in milliseconds. */
const LONGEST_MS = 300_000;
/** A list that is found fresher than others were makes the estimate this much smaller, at most. */
const SHRINK = 0.75;

/**
 * How old the lists of a site may be when they arrive: many sites answer squeue from a cache. Estimated from
 * jobs that Slurm surely had at a time: a list that was asked for later and lacks one is older than that.
 */
export class Freshness {
  readonly #baseMs: number;
  #ageMs = 0;

  /** @param baseMs Milliseconds between two lists where they are fresh. */
  constructor(baseMs: number) {
    this.#baseMs = baseMs;
  }

  /** Milliseconds by which a list may be older than its question. */
  get ageMs(): number {
    return this.#ageMs;
  }

  /** Milliseconds between two lists: more often tells nothing new. */
  get intervalMs(): number {
    return Math.max(this.#baseMs, Math.min(this.#ageMs, LONGEST_MS));
  }

  /**
   * Whether it means anything that a list lacks a job.
   *
   * @param askedAt When the list was asked for.
   * @param sureAt When Slurm surely had the job.
   */
  shows(askedAt: number, sureAt: number): boolean {
    return askedAt - this.#ageMs > sureAt;
  }

  /** Takes note of a list without a job that Slurm has. */
  lacked(askedAt: number, sureAt: number): void {
    this.#ageMs = Math.max(this.#ageMs, Math.min(askedAt - sureAt, LONGEST_MS));
  }

  /** Takes note of a list that shows a job which came in at that time. */
  shown(askedAt: number, cameAt: number): void {
    const ageMs = Math.max(0, askedAt - cameAt);
    if (ageMs < this.#ageMs) this.#ageMs = Math.max(ageMs, SHRINK * this.#ageMs);
  }
}
