import { errorCode, errorText, ProtocolError, SlurmError } from "../../core/errors.ts";
import { workerDir } from "../../queue/layout.ts";
import { parseTaskName } from "../../queue/task_file.ts";
import { Tail } from "../../run/output/tail.ts";
import { listOrNothing } from "../../store/store.ts";
import { plural } from "../../ui/text.ts";
import type { SubmitAnswer, WorkerJob } from "../launcher.ts";
import { LeadershipLostError } from "../leadership.ts";
import { retryWhileUnavailable } from "../pacing.ts";
import type { ControllerContext } from "./context.ts";
import { decideFleet, type FleetEvent, noteFleet } from "../fleet/decide_fleet.ts";
import {
  type FailedStart,
  type FleetAction,
  type FleetObservation,
  type FleetSettings,
  type FleetState,
  newFleetState,
  pendingJobs,
} from "../fleet/fleet_state.ts";
import type { Member, WorkerMonitor } from "./monitor_workers.ts";
import { failTodo } from "./settle_tasks.ts";
import { canStartElsewhere } from "../fleet/node_rules.ts";

/** Seconds for which refused workers are asked for when nothing else is left to do. */
const REFUSAL_SEC = 3600;
/** So many of a log's last lines are told. */
const TAIL_LINES = 10;

type Do<Type extends FleetAction["type"]> = Extract<FleetAction, { type: Type }>;

/** The workers of a run and their jobs: looks at them, and carries out what {@link decideFleet} wants. */
export class Fleet {
  readonly #context: ControllerContext;
  readonly #monitor: WorkerMonitor;
  readonly #settings: FleetSettings;
  readonly #onExclude: () => void;
  #state: FleetState;

  /**
   * @param startedWell Whether a task is known to have begun well in this run.
   * @param onExclude Called when a node is excluded, so that its workers are looked at soon.
   */
  constructor(
    context: ControllerContext,
    monitor: WorkerMonitor,
    startedWell: boolean,
    onExclude: () => void,
  ) {
    const { run, launcher, specs, timing, runtime: { config, store } } = context;
    this.#context = context;
    this.#monitor = monitor;
    this.#onExclude = onExclude;
    this.#state = newFleetState(startedWell);
    this.#settings = {
      runId: run.runId,
      specs,
      limits: run.options,
      // That a node has no sbatch turns out when it is needed.
      get canSubmit() {
        return launcher.canSubmit !== false;
      },
      needsStandby: run.detached && launcher.keepStandby !== undefined,
      excessMs: timing.excessMs,
      roundMs: timing.roundMs,
      leaseMs: 1000 * store.leaseSec,
      staleAfterSec: config.staleAfterSec,
      refusalMs: 1000 * (run.config.slurm?.refusalSec ?? REFUSAL_SEC),
    };
  }

  /** The jobs of the last look, by key. */
  get jobs(): ReadonlyMap<string, WorkerJob> {
    return this.#state.jobs;
  }

  /** Keys of those of them that have not begun. */
  get pending(): string[] {
    return pendingJobs(this.#state, this.#observe({ jobs: [] }, 0)).map(({ key }) => key);
  }

  /** Whether a task that cannot begin where it is may begin elsewhere. */
  get canStartElsewhere(): boolean {
    return canStartElsewhere(this.#state.nodes);
  }

  /** Whether there is a node that something could not start on. */
  get hasSuspects(): boolean {
    return this.#state.nodes.inARow.size > 0;
  }

  /** Takes in what happened. */
  note(event: FleetEvent): void {
    const { state, actions } = noteFleet(this.#state, event, this.#settings);
    this.#state = state;
    this.#carryOut(actions).catch(this.#context.broken);
  }

  /**
   * Looks at the jobs, decides, and does it.
   *
   * @param resultsReadAt All that was given back by then has been read.
   */
  async round(resultsReadAt: () => number): Promise<void> {
    const { launcher, closing } = this.#context;
    let answer: FleetObservation["answer"];
    try {
      answer = await launcher.jobs(closing);
    } catch (error) {
      if (closing.aborted) return;
      answer = { error };
    }
    const settings = { ...this.#settings, canSubmit: launcher.canSubmit !== false };
    const { state, actions } = decideFleet(this.#state, this.#observe(answer, resultsReadAt()), settings);
    this.#state = state;
    await this.#carryOut(actions);
  }

  #observe(answer: FleetObservation["answer"], resultsReadAt: number): FleetObservation {
    const { runtime: { machine }, tasks, leadership, phase } = this.#context;
    return {
      at: machine.clock.monotonic(),
      answer,
      ...this.#monitor.observe(),
      tasks: tasks.openBySpec,
      strangers: [...this.#strangers()],
      resultsReadAt,
      isRunning: phase === "running",
      controllerWorker: leadership.claim.record.worker,
    };
  }

  async #carryOut(actions: readonly FleetAction[]): Promise<void> {
    const goOn = (): boolean => this.#context.phase !== "closed";
    let isFull = false;
    for (const action of actions) {
      // What could not be cancelled, or not yet, still takes up the room.
      if (action.type === "submit" && isFull) continue;
      const how = await retryWhileUnavailable(this.#context.runtime, goOn, () => this.#act(action));
      isFull ||= how === "full";
    }
  }

  async #act(action: FleetAction): Promise<void | "full"> {
    const { log, leadership, launcher, closing } = this.#context;
    switch (action.type) {
      case "notify":
        return log[action.level](action.text);
      case "excludeNode":
        log.warn(`node ${action.node} is not used any more, as tasks cannot start there: ${action.why}`);
        this.#monitor.exclude(action.node, action.why);
        return this.#onExclude();
      case "readmitNodes":
        return log.warn(
          `${action.why}: nodes that were excluded are tried again: ${action.nodes.join(", ")}`,
        );
      case "failSpec":
        await leadership.check();
        return await this.#failSpec(action);
      case "giveUp":
        return await this.#giveUp(action);
      case "submit":
        await leadership.check();
        return await this.#submit(action);
      case "cancelPending": {
        await leadership.check();
        let how: "later" | void = undefined;
        const isDone = await this.#try("cancel pending workers", async () => {
          how = await launcher.cancelPending(action.keys);
        });
        if (!isDone) this.note({ type: "notCancelled", keys: action.keys });
        else if (action.done !== undefined) log.info(action.done);
        return isDone && how === undefined ? undefined : "full";
      }
      case "drain":
        return await this.#drain(action);
      case "keepStandby":
        await leadership.check();
        await this.#try(
          "keep a standby controller",
          async () => await launcher.keepStandby?.(action.alive, closing),
        );
        return;
    }
  }

  async #submit({ spec, count }: Do<"submit">): Promise<void> {
    const { launcher, closing, runtime: { machine: { clock } } } = this.#context;
    const exclude = [...this.#state.nodes.excluded.keys()];
    const note = (answer: SubmitAnswer): void =>
      this.note({ type: "submitted", spec, asked: count, ...answer, at: clock.monotonic() });
    try {
      note(await launcher.submit({ spec, count, exclude }, closing));
    } catch (error) {
      if (closing.aborted || error instanceof LeadershipLostError) return;
      const refused = error instanceof Error ? error : new SlurmError(errorText(error));
      note({ taken: 0, refusal: { kind: "refused", error: refused } });
    }
  }

  async #drain({ spec, count, workers }: Do<"drain">): Promise<void> {
    const { log } = this.#context;
    const chosen = (await this.#leastBusy(workers)).slice(0, count);
    for (const member of chosen) await this.#monitor.drain(member, "tasks of another spec need its room");
    const text = `told ${plural(chosen.length, "worker")} of spec '${spec}' to leave`;
    if (chosen.length > 0) log.info(`${text}, as tasks of another spec need the room`);
  }

  /** Those that have nothing to do first, of these the newest; the others finish what they compute. */
  async #leastBusy(ids: readonly string[]): Promise<Member[]> {
    const { runtime: { store }, paths } = this.#context;
    const found: { member: Member; busy: number; since: string }[] = [];
    for (const id of ids) {
      const member = this.#monitor.member(id);
      if (!member?.record || member.leaving) continue;
      const { spec, startedAt } = member.record;
      const files = await listOrNothing(store.machine, workerDir(paths, spec, id));
      const busy = files.filter(({ name }) => parseTaskName(name)).length;
      found.push({ member, busy, since: startedAt });
    }
    found.sort((a, b) => a.busy - b.busy || (a.since < b.since ? 1 : a.since > b.since ? -1 : 0));
    return found.map(({ member }) => member);
  }

  async #giveUp({ blame, text, log, cause }: Do<"giveUp">): Promise<void> {
    const { broken, run } = this.#context;
    if (text.length === 0) return broken(cause);
    const message = await this.#textOf(text);
    if (blame === "protocol") {
      const what = `Cannot go on with run ${run.runId} as its workers cannot work on it`;
      return broken(new ProtocolError(`${what}: ${message}`));
    }
    broken(
      new SlurmError(message, {
        ...(cause === undefined ? {} : { cause }),
        ...(log === undefined ? {} : { log }),
      }),
    );
  }

  async #failSpec({ spec, text, log }: Do<"failSpec">): Promise<void> {
    const error = await this.#textOf(text);
    const count = await failTodo(this.#context, spec, error, log);
    if (count === 0) return;
    this.#context.log.warn(`${plural(count, "task")} of spec '${spec}' fail: ${error}`);
  }

  /** Tasks that somebody outside of the run computes: who, as far as that is known. */
  *#strangers(): Iterable<string> {
    const { owners, tasks } = this.#context;
    for (const [hash, owner] of owners) {
      if (tasks.get(hash)?.state.at === "waiting") yield owner;
      else owners.delete(hash);
    }
  }

  async #textOf(text: readonly (string | FailedStart)[]): Promise<string> {
    const parts = text.map((part) => typeof part === "string" ? part : this.#describe(part));
    return (await Promise.all(parts)).join("");
  }

  async #describe({ key, node, ended, said, log }: FailedStart): Promise<string> {
    const lines = [`${key}${node === undefined ? "" : ` on ${node}`}: ${ended}`];
    if (said !== undefined) lines.push(`its worker said: ${said}`);
    if (log !== undefined) lines.push(`log: ${log}`, ...(await this.#tail(log)).map((line) => `  | ${line}`));
    return lines.join("\n");
  }

  async #tail(log: string): Promise<string[]> {
    try {
      const tail = new Tail();
      tail.push(await this.#context.runtime.machine.files.readBytes(log));
      return tail.lines().slice(-TAIL_LINES);
    } catch (error) {
      if (errorCode(error) === undefined) throw error;
      return [];
    }
  }

  /** What does not work ends no run: it goes on with what there is. */
  async #try(what: string, step: () => Promise<void>): Promise<boolean> {
    try {
      await step();
      return true;
    } catch (error) {
      if (error instanceof LeadershipLostError) throw error;
      if (!this.#context.closing.aborted) this.#context.log.warn(`cannot ${what}: ${errorText(error)}`);
      return false;
    }
  }
}
