import type { Clock } from "../../core/system/clock.ts";
import { formatDuration } from "../../ui/duration.ts";
import { plural } from "../../ui/text.ts";
import type { WorkerJob } from "../launcher.ts";
import type { SpecLoad } from "./scale.ts";

/** A spec may wait so long for its first worker before people are told why it does. */
const AFTER_MS = 60_000;

interface Waiting {
  readonly since: number;
  told?: string;
}

/** Says what the workers of a spec wait for, when none of them begins: a run may have to wait for ever, or only its turn. */
export class PendingNotice {
  readonly #clock: Clock;
  readonly #tell: (text: string) => void;
  readonly #waiting = new Map<string, Waiting>();

  /** @param tell Says it to people: once for each reason of a spec. */
  constructor(clock: Clock, tell: (text: string) => void) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** Looks what there is to do, and at the workers that have not begun. */
  look(loads: readonly SpecLoad[], pending: readonly WorkerJob[]): void {
    const now = this.#clock.monotonic();
    for (const { spec, tasks, alive, leaving } of loads) {
      const jobs = pending.filter((job) => job.spec === spec);
      const [first] = jobs.toSorted((a, b) => a.order - b.order);
      if (!first || tasks === 0 || alive + leaving > 0) {
        this.#waiting.delete(spec);
        continue;
      }
      const waiting: Waiting = this.#waiting.get(spec) ?? { since: now };
      this.#waiting.set(spec, waiting);
      if (now - waiting.since < AFTER_MS) continue;
      // What is in turn has now this reason, now that.
      const reason = isInTurn(first) ? "its turn" : first.state.text;
      if (waiting.told === reason) continue;
      waiting.told = reason;
      const time = formatDuration(now - waiting.since);
      this.#tell(
        `no worker of spec '${spec}' has begun for ${time}: ${plural(jobs.length, "job")} pending, ` +
          `${first.key} as ${first.state.text}`,
      );
    }
  }
}

function isInTurn({ state }: WorkerJob): boolean {
  return state.status === "pending" && state.inTurn === true;
}
