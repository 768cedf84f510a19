import { errorText } from "../../core/errors.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { Runtime } from "../../run/runtime.ts";
import { releaseClaim } from "../../store/claims/attempt_end.ts";
import type { Claim } from "../../store/claims/claim.ts";
import type { ClaimWatch } from "../../store/claims/liveness.ts";
import type { SlurmJob } from "../../store/record.ts";
import { acquireLeadership, watchLeadership } from "../leadership.ts";

/** What a {@link LeadershipCandidate} works with. */
export interface LeadershipCandidateOptions {
  /** Where everything of the run is. */
  readonly paths: QueuePaths;
  /** The run's id. */
  readonly runId: string;
  /** The worker beside whose tasks the role is held. */
  readonly worker: string;
  /** The Slurm job that it runs in. */
  readonly slurm?: SlurmJob | undefined;
  /** Controls the run until it has ended, or until the signal says that somebody else is to control it. */
  readonly control: (claim: Claim, handOver: AbortSignal) => Promise<void>;
  /** Called when the role was taken or left. */
  readonly onChange: () => void;
}

/** A controller that is to hand over, or whose run has ended, may take a lease and this. */
const SPARE_MS = 30_000;

/** Looks now and then whether a detached run has a controller, and becomes it when there is none. */
export class LeadershipCandidate {
  readonly #runtime: Runtime;
  readonly #options: LeadershipCandidateOptions;
  readonly #watch: ClaimWatch;
  readonly #handOver = new AbortController();
  #looking: Promise<void> | undefined;
  #nextAt = -Infinity;
  #held = false;
  #ended = false;

  /** Does not look yet. */
  constructor(runtime: Runtime, options: LeadershipCandidateOptions) {
    this.#runtime = runtime;
    this.#options = options;
    this.#watch = watchLeadership(runtime, options.paths);
  }

  /** Whether this process is the controller. */
  get held(): boolean {
    return this.#held;
  }

  /** Whether the run has ended, as far as this process has seen. */
  get ended(): boolean {
    return this.#ended;
  }

  /**
   * Whether this process has seen itself that the run's controller lives. A worker that leaves without having
   * seen that may leave the run to nobody: a controller that has died holds the role for a lease.
   */
  get covered(): boolean {
    if (this.#held || this.#ended || this.#handOver.signal.aborted) return true;
    const { machine, store } = this.#runtime;
    const { beatAt = -Infinity } = this.#watch;
    return machine.clock.monotonic() - beatAt < store.leaseSec * 1000;
  }

  /** Milliseconds until it is time for the next look. Looks too far apart prove nothing. */
  get dueIn(): number {
    if (this.#looking || this.#ended || this.#handOver.signal.aborted) return Infinity;
    return Math.max(0, this.#nextAt - this.#runtime.machine.clock.monotonic());
  }

  /** Looks if it is time to. Returns at once. */
  look(): void {
    const now = this.#runtime.machine.clock.monotonic();
    if (this.#looking || this.#ended || this.#handOver.signal.aborted || now < this.#nextAt) return;
    this.#looking = this.#lookNow().catch((error) => {
      this.#runtime.logger.warn(`Cannot control run ${this.#options.runId} from here: ${errorText(error)}`);
    }).finally(() => {
      this.#held = false;
      this.#looking = undefined;
      // Looks that are further apart than a third of a lease prove nothing.
      this.#nextAt = this.#runtime.machine.clock.monotonic() + this.#watch.longestPauseMs;
      this.#options.onChange();
    });
  }

  /** Gives the role up, if it is held, and seeks it no more. Returns at once. */
  handOver(why: string): void {
    if (!this.#handOver.signal.aborted) this.#handOver.abort(new Error(why));
  }

  /** Resolves when this process is not the controller any more. It may end the run first, within bounds. */
  async close(): Promise<void> {
    this.#nextAt = Infinity;
    const { clock } = this.#runtime.machine;
    for (const why of ["its worker waited for the end of the run in vain", undefined]) {
      const timer = new AbortController();
      const bound = clock.sleep(this.#runtime.store.leaseSec * 1000 + SPARE_MS, timer.signal).catch(() => {});
      await Promise.race([this.#looking, bound]);
      timer.abort();
      if (!this.#looking || why === undefined) return;
      this.handOver(why);
    }
  }

  async #lookNow(): Promise<void> {
    const { paths, runId, worker, slurm, control, onChange } = this.#options;
    const taken = await acquireLeadership(this.#runtime, paths, {
      runId,
      worker,
      watch: this.#watch,
      ...(slurm === undefined ? {} : { slurm }),
    });
    if (taken === "ended") this.#ended = true;
    if (typeof taken === "string") return;
    const { signal } = this.#handOver;
    if (signal.aborted) return await releaseClaim(this.#runtime.store, taken);
    this.#held = true;
    onChange();
    await control(taken, signal);
  }
}
