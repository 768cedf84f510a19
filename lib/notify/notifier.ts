import { join } from "@std/path/posix/join";
import { errorText } from "../core/errors.ts";
import { emptySummary, type EventSink, type Failure, type RunSummary } from "../core/event.ts";
import { type NotifyMoment, type ParsedTarget, parseTarget } from "../core/settings/notify_setting.ts";
import { linkJson } from "../store/json_file.ts";
import { RECORD_SCHEMA } from "../store/layout.ts";
import type { Store } from "../store/store.ts";
import { type Notified, readNotified } from "./notified.ts";
import { type NoticeEvent, type NoticeHead, noticeOf } from "./notice.ts";
import { sendNotice } from "./send_notice.ts";

/** Options of {@link Notifier}. */
export interface NotifierOptions {
  /** Who is told. */
  readonly notified: Notified;
  /** What is the same in all notices. */
  readonly head: Omit<NoticeHead, "store" | "host" | "user" | "command">;
  /** Told what went wrong: never more than that. */
  readonly warn: (text: string) => void;
  /**
   * The run's folder, where others may control the run, too: who sends something leaves a file there, so that
   * nobody else sends it.
   *
   * @default {this process alone knows of the run}
   */
  readonly runDir?: string | undefined;
  /**
   * How many artifacts there are, of a run that has begun already.
   *
   * @default {what the run says when it begins}
   */
  readonly counts?: Pick<RunSummary, "nodes" | "cached">;
}

/**
 * Tells somebody how a run gets on: once when the first of its artifacts has failed for good, and once when
 * it has ended. It changes nothing of the run, and nothing waits for it but the end.
 */
export class Notifier {
  readonly #store: Store;
  readonly #options: NotifierOptions;
  readonly #target: ParsedTarget;
  readonly #began: number;
  readonly #failures: Failure[] = [];
  #summary: RunSummary;
  #sending: Promise<void> = Promise.resolve();
  #hasStarted = false;
  #hasEnded = false;

  /** Sends nothing yet. */
  constructor(store: Store, options: NotifierOptions) {
    this.#store = store;
    this.#options = options;
    this.#target = parseTarget(options.notified.target)!;
    this.#began = store.machine.clock.monotonic();
    const { head: { runId }, counts } = options;
    this.#hasStarted = counts !== undefined;
    this.#summary = emptySummary({ runId, nodes: 0, cached: 0, ...counts });
  }

  /** Takes an event of the run. */
  readonly sink: EventSink = (event) => {
    switch (event.type) {
      case "run_started":
        if (this.#options.counts) break;
        this.#hasStarted = true;
        this.#summary = { ...this.#summary, nodes: event.nodes, cached: event.cached };
        break;
      case "node_done":
        this.#summary = { ...this.#summary, [event.how]: this.#summary[event.how] + 1 };
        break;
      case "node_retry":
        this.#summary = { ...this.#summary, retries: this.#summary.retries + 1 };
        break;
      case "node_failed":
        this.#failures.push(event.failure);
        if (this.#failures.length > 1) break;
        this.#tell("failure", { type: "failure", failure: event.failure, summary: this.#soFar() });
        break;
      case "run_ended":
        this.#end({ type: "end", summary: event.summary, interrupted: event.interrupted });
    }
  };

  /** Tells others, and takes it in, too. */
  beside(others: EventSink): EventSink {
    return (event) => {
      others(event);
      this.sink(event);
    };
  }

  /** Tells that something broke the run, unless it has ended. */
  broken(error: unknown): void {
    if (this.#hasStarted) this.#end({ type: "broken", summary: this.#soFar(), error: errorText(error) });
  }

  /** Resolves when all is told, which takes some seconds at most; never rejects. */
  async close(): Promise<void> {
    await this.#sending;
  }

  #end(event: NoticeEvent): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#tell("end", event);
  }

  #soFar(): RunSummary {
    const durationMs = this.#store.machine.clock.monotonic() - this.#began;
    return { ...this.#summary, failures: [...this.#failures], durationMs };
  }

  #tell(moment: NotifyMoment, event: NoticeEvent): void {
    if (!this.#target.on.includes(moment)) return;
    const { head, notified: { cwd, command }, warn } = this.#options;
    const { machine: { self, clock }, root: store } = this.#store;
    const { host, user } = self;
    const whole = { ...head, store, host, ...(user === undefined ? {} : { user }), command };
    const notice = noticeOf(whole, event, clock.now());
    this.#sending = this.#sending.then(async () => {
      if (!await this.#isFirst(moment)) return;
      const fault = await sendNotice(notice, { target: this.#target, cwd });
      if (fault !== undefined) warn(`notify: ${fault}`);
    }).catch((error) => warn(`notify: ${errorText(error)}`));
  }

  /** Before it is sent: that it is sent twice would be worse than that a kill in between loses it. */
  async #isFirst(moment: NotifyMoment): Promise<boolean> {
    const { runDir } = this.#options;
    if (runDir === undefined) return true;
    const { machine: { self, clock } } = this.#store;
    const by = { schema: RECORD_SCHEMA, by: self, at: new Date(clock.now()).toISOString() };
    return await linkJson(this.#store, join(runDir, `notified-${moment}.json`), by);
  }
}

/** A run on Slurm, as far as notices tell of it. */
export interface NotifiedRun {
  readonly mode: "pool" | "dag";
  readonly runId: string;
  readonly entry: string;
  readonly roots: readonly string[];
  readonly nodes: readonly { readonly name: string; readonly hash: string }[];
  readonly counts: { readonly nodes: number; readonly cached: number };
  /** Whether somebody is to be told. */
  readonly notifies?: boolean | undefined;
}

/**
 * Who tells of a run on Slurm, by what was written down when it began; nothing where nobody is to be told,
 * or all was stored when it began.
 */
export async function notifierOf(
  { store, logger }: { readonly store: Store; readonly logger: { warn(text: string): void } },
  runDir: string,
  run: NotifiedRun,
): Promise<Notifier | undefined> {
  const warn = (text: string): void => logger.warn(text);
  if (!run.notifies || run.counts.nodes === run.counts.cached) return undefined;
  let read;
  try {
    read = await readNotified(store, runDir);
  } catch (error) {
    warn(`notify: who is to be told cannot be read: ${errorText(error)}`);
  }
  if (read === undefined) return undefined;
  if (!("value" in read)) {
    warn(`notify: who is to be told cannot be read: ${read.fault}`);
    return undefined;
  }
  if (!parseTarget(read.value.target)) return undefined;
  const byHash = new Map(run.nodes.map((node) => [node.hash, node]));
  const { mode, runId, entry, counts } = run;
  const roots = run.roots.flatMap((hash) => byHash.get(hash) ?? []).map(({ name, hash }) => ({ name, hash }));
  return new Notifier(store, {
    notified: read.value,
    head: { mode, runId, entry, roots },
    warn,
    runDir,
    counts: { nodes: counts.nodes, cached: counts.cached },
  });
}
