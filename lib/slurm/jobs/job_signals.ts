import { errorText } from "../../core/errors.ts";
import { type AttemptTime, graceOf, TimeIsUp, usableMs } from "../../core/system/stop_time.ts";
import type { Clock } from "../../core/system/clock.ts";
import { type JobSignal, listenAsJob } from "../../core/system/interrupts.ts";
import type { SlurmJob } from "../../store/record.ts";
import type { SlurmClient } from "../client/client.ts";
import { signalLeadSec } from "../client/job_time.ts";
import { jobTime, judgeSignal, type SignalFacts } from "../client/job_time.ts";

/** Options of {@link JobSignals}. */
export interface JobSignalsOptions {
  /** Time. */
  clock: Clock;
  /** Minutes that the job was asked for. */
  timeMin: number | undefined;
  /** Asks Slurm about the job: what cannot be found out is left out. Must not throw. */
  ask: () => Promise<Pick<SignalFacts, "said" | "killWaitSec">>;
}

/**
 * The signals that a job gets, and how much time they leave. It aborts once; a later signal can only make the
 * time shorter.
 */
export class JobSignals implements AttemptTime, Disposable {
  readonly #options: JobSignalsOptions;
  readonly #controller = new AbortController();
  readonly #listening: Disposable;
  #endsAt: number | undefined;
  #beganAt: number;
  /** By what Slurm has answered; before that by what is known anyway. */
  #stoppedAt: { known?: number; assumed?: number } = {};

  /** Listens from now on. */
  constructor(options: JobSignalsOptions) {
    this.#options = options;
    this.#beganAt = options.clock.monotonic();
    this.#listening = listenAsJob((signal) => void this.receive(signal));
  }

  /** Aborts when the job is to end; with a {@link TimeIsUp} when that was planned. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** When the warning of the time limit comes at the earliest; by the monotonic clock. */
  get warnedAt(): number {
    const { timeMin } = this.#options;
    if (this.#endsAt === undefined || timeMin === undefined) return this.#endsAt ?? Infinity;
    return this.#beganAt + usableMs(this.#endsAt - this.#beganAt, signalLeadSec(timeMin) * 1000);
  }

  get stoppedAt(): number | undefined {
    return this.#stoppedAt.known ?? this.#stoppedAt.assumed;
  }

  /**
   * Takes note of the time that the job was given.
   *
   * @param span When it began and when it has to end, by the monotonic clock.
   */
  plan({ beganAt, endsAt }: { beganAt: number; endsAt: number }): void {
    this.#beganAt = beganAt;
    this.#endsAt = endsAt;
  }

  /** Takes a signal. Resolves when what it means is known; never rejects. */
  async receive(signal: JobSignal): Promise<void> {
    const { clock, timeMin, ask } = this.#options;
    const at = clock.monotonic();
    const plannedLeftMs = this.#endsAt === undefined ? undefined : this.#endsAt - at;
    const facts = { signal, plannedLeftMs, timeMin };
    const apply = (more: Pick<SignalFacts, "said" | "killWaitSec">, asked: boolean): boolean => {
      const { due, planned, leftMs } = judgeSignal({ ...facts, ...more });
      // Before Slurm has answered, only a warning that comes when it has to is believed.
      const isBelieved = asked || signal !== "SIGUSR1" || (planned && plannedLeftMs !== undefined);
      if (!due || !isBelieved) return false;
      const by = asked ? "known" : "assumed";
      this.#stoppedAt[by] = Math.min(this.#stoppedAt[by] ?? Infinity, at + graceOf(leftMs));
      const words = signal === "SIGUSR1"
        ? "the time of its job is nearly up (SIGUSR1)"
        : `its job was told to end (${signal})`;
      this.#abort(planned ? new TimeIsUp(words) : new Error(words));
      return true;
    };
    // What is to end has all of the time for it, however long Slurm takes to answer.
    apply({}, false);
    const due = apply(await ask(), true);
    if (!due) console.error("A warning of the time limit is left alone as there is time enough");
  }

  #abort(reason: Error): void {
    if (!this.#controller.signal.aborted) this.#controller.abort(reason);
  }

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]();
  }
}

/** Asks Slurm how much time a job has, and what it leaves one that is to end. */
export async function askJobTime(
  client: Pick<SlurmClient, "at">,
  slurm: SlurmJob,
): Promise<Pick<SignalFacts, "said" | "killWaitSec">> {
  const failed = (error: unknown): undefined => {
    console.error(`Cannot find out how much time the job has left: ${errorText(error)}`);
  };
  // The run that it is of may be one of another cluster.
  const there = await client.at(slurm.cluster);
  const [details, config] = await Promise.all([
    there.showJob(slurm.jobId).catch(failed),
    there.config().catch(failed),
  ]);
  // Its name may have been rewritten by the site; the id is this very process's own.
  const detail = details?.find(({ name }) => name === slurm.name) ?? details?.[0];
  return {
    ...(detail === undefined ? {} : { said: jobTime(detail) }),
    ...(config === undefined ? {} : { killWaitSec: config.killWaitSec }),
  };
}
