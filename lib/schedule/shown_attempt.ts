import { type AttemptEnd, failureKind } from "../core/attempt_end.ts";
import type { EventSink } from "../core/event.ts";
import type { Hash } from "../core/hash.ts";
import type { Clock } from "../core/system/clock.ts";
import type { AttemptKey } from "../store/layout.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { shownParams } from "../task/artifact/identity.ts";
import { flatParams, paramsLine } from "../ui/params_text.ts";
import { truncate } from "../ui/text.ts";

/** Who shows attempts, and to whom. */
interface Shower {
  /** The name of the backend. */
  readonly name: string;
  /** The worker that this process is. */
  readonly worker?: string;
  /** Takes the events. */
  readonly onEvent: EventSink;
}

/** The longest text of parameters in an event, in columns. */
const MOST_PARAMS = 120;
/** Of an identity with more characters there is none. */
const MOST_IDENTITY = 4000;

/** The parameters of an artifact on a short line, for people; nothing where there are very many. */
export function shortParams(artifact: Artifact): string | undefined {
  const params = shownParams(artifact, MOST_IDENTITY);
  return params && truncate(paramsLine(flatParams(params)), MOST_PARAMS);
}

/** An attempt as its events show it. */
export class ShownAttempt {
  readonly #clock: Clock;
  readonly #options: Shower;
  readonly #of: { hash: Hash; name: string };
  readonly #attempt: number;
  readonly #log: string;
  readonly #params: string | undefined;
  #begunAt: number | undefined;
  #isDropped = false;

  /** Shows nothing yet. */
  constructor(
    clock: Clock,
    options: Shower,
    artifact: Artifact,
    { n }: AttemptKey,
    log: string,
  ) {
    this.#clock = clock;
    this.#options = options;
    this.#of = { hash: artifact.hash, name: artifact.name };
    this.#params = shortParams(artifact);
    this.#attempt = n;
    this.#log = log;
  }

  /** It begins. */
  begin(): void {
    if (this.#isDropped) return;
    this.#begunAt = this.#clock.monotonic();
    const { onEvent, worker, name } = this.#options;
    onEvent({
      type: "attempt_started",
      ...this.#of,
      attempt: this.#attempt,
      worker: worker ?? name,
      log: this.#log,
      ...(this.#params === undefined ? {} : { params: this.#params }),
      at: this.#clock.now(),
    });
  }

  /** It tells how far it is. */
  progress(fraction: number, message: string | undefined): void {
    if (this.#isDropped) return;
    const words = message === undefined ? {} : { message };
    this.#options.onEvent({
      type: "attempt_progress",
      ...this.#of,
      fraction,
      ...words,
      at: this.#clock.now(),
    });
  }

  /** It is not made here after all: what was begun, as far as anybody was told, is over. */
  drop(): void {
    if (this.#begunAt !== undefined) this.end({ outcome: "preempted", reason: "somebody else was first" });
    this.#isDropped = true;
  }

  /** It has ended. */
  end(end: AttemptEnd): void {
    if (this.#begunAt === undefined) this.begin();
    this.#options.onEvent({
      type: "attempt_ended",
      ...this.#of,
      attempt: this.#attempt,
      outcome: end.outcome,
      ...(end.outcome === "failed" ? { kind: failureKind(end.blame), error: end.error } : {}),
      durationMs: this.#clock.monotonic() - this.#begunAt!,
      log: this.#log,
      at: this.#clock.now(),
    });
  }
}
