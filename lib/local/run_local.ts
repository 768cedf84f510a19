import { type Config, configOfRun, type ForcedTasks } from "../core/config.ts";
import { RunFailedError, ValidationError } from "../core/errors.ts";
import type { EventSink, RunEvent, RunSummary } from "../core/event.ts";
import {
  aBoolean,
  aFunction,
  anything,
  aSignal,
  aString,
  checkOptions,
  countBySpec,
  namesOfTasks,
  oneOf,
  type OptionChecks,
} from "../core/options.ts";
import { makePlan, priorityIn, unfinished } from "../plan/graph.ts";
import { checkLimits } from "../plan/limits.ts";
import type { NotifyTarget } from "../core/settings/notify_setting.ts";
import { localNotifier } from "../notify/local_notifier.ts";
import { type SchedulerHints, systemRuntime } from "../run/default_runtime.ts";
import { refuseInside, refuseWhileLoading } from "../run/context.ts";
import type { Runtime } from "../run/runtime.ts";
import { drive } from "../schedule/drive.ts";
import { shortParams } from "../schedule/shown_attempt.ts";
import { ProgressFile } from "../schedule/progress_file.ts";
import { forcedByUser } from "../plan/forced.ts";
import { keptText } from "../plan/kept.ts";
import { storeStatus } from "../schedule/status_source.ts";
import { runReporter } from "../schedule/run_reporter.ts";
import {
  aPriority,
  aProgress,
  aWindow,
  checkComputable,
  checkImportable,
  type RootPriorities,
  rootPriority,
  rootsOf,
  type Window,
} from "../schedule/check_run.ts";
import { checkWritable } from "../store/check_writable.ts";
import type { Store } from "../store/store.ts";
import { type Artifact, isArtifact } from "../task/artifact/artifact.ts";
import { failureReport } from "../ui/report.ts";
import type { ComputeConfig } from "../worker/child/compute_task.ts";
import { InlineComputer } from "../run/computer.ts";
import { currentSession } from "../core/system/session.ts";
import { typedBelow } from "../plan/typed_below.ts";
import { SessionComputer, typedText } from "./session_computer.ts";
import { workerLimits } from "./worker_limits.ts";
import { AttemptBackend } from "../schedule/attempt_backend.ts";
import { checkPermissions } from "../core/permissions.ts";
import { checkSelfStart } from "../worker/child/check_self_start.ts";
import { ProcessComputer } from "../worker/process_computer.ts";
import { interruptibleRun } from "../core/system/interrupts.ts";

/** Options of `runLocal`. */
export interface RunLocalOptions {
  /**
   * The most attempts at the same time: in all, or for each spec (`{ default: 8, gpu: 1 }`).
   *
   * @default {the number of cores}
   */
  maxWorkers?: number | Record<string, number>;
  /**
   * The roots that are worked on at the same time: one after another (`"dfs"`), all (`"bfs"`), or so many,
   * where the next joins when one is finished.
   *
   * @default {"bfs"}
   */
  window?: Window;
  /**
   * Whether everything that does not depend on a failure is still done before the run gives up.
   *
   * @default {false}
   */
  keepGoing?: boolean;
  /**
   * The tasks whose artifacts are computed again, each once, although they are stored. What depends on them
   * stays as it is, and the run says how many results that are.
   *
   * @default {`alwaysRerun` of the configuration, which is none}
   */
  force?: ForcedTasks;
  /**
   * Whether what depends on the tasks of `force`, over however many steps, is computed again, too.
   *
   * @default {false}
   */
  forceDependents?: boolean;
  /**
   * Where tasks run: in worker processes, or inside this one. In a notebook and the REPL, where it is not
   * given, what is typed in there runs inside this process, with what depends on it.
   *
   * @default {"process"}
   */
  isolation?: "process" | "inline";
  /**
   * The number of times that a failed computation is tried again, after the first attempt, where its task
   * says no number itself. With 0 nothing is tried again, whatever tasks say.
   *
   * @default {`maxComputeRetries` of the configuration, which is 3}
   */
  maxComputeRetries?: number;
  /**
   * Whether an artifact is tried again whose latest attempt failed in an earlier run.
   *
   * @default {`retryFailed` of the configuration, which is true}
   */
  retryFailed?: boolean;
  /**
   * Megabytes for V8's heap in each worker process. Typed arrays and buffers are outside of it.
   *
   * @default {`maxHeapMb` of the configuration, which is V8's own limit}
   */
  maxHeapMb?: number;
  /**
   * The number of tasks after which a worker process is replaced by a new one.
   *
   * @default {`maxTasksPerWorker` of the configuration, which is no limit}
   */
  maxTasksPerWorker?: number;
  /**
   * Megabytes of memory: a worker process that has more after a task is replaced by a new one.
   *
   * @default {`maxWorkerMb` of the configuration: 256, or twice what one has after its first task}
   */
  maxWorkerMb?: number;
  /**
   * The units that there are of each limit, by name, as `{ license: 3, api: 8 }`: tasks with `limits` take no
   * more at once, over all workers of the run. They count above those of the configuration, by name.
   *
   * @default {`limits` of the configuration, which is none}
   */
  limits?: Record<string, number>;
  /**
   * The priority of roots, which come with all that they need before others of a lower one: by the names of
   * their tasks, or as a function gives it.
   *
   * @default {what their tasks say, else 0}
   */
  priority?: RootPriorities;
  /**
   * Who is told when the run has ended, or the first of its artifacts has failed for good: a URL, or a
   * command, which is given a line of JSON; `false` for nobody.
   *
   * @default {`notify` of the configuration, which is nobody}
   */
  notify?: NotifyTarget | false;
  /** Receives everything that happens. */
  onEvent?: EventSink;
  /**
   * The way in which the run shows itself on stderr: a block that is redrawn on a terminal and lines
   * elsewhere (`"auto"`), lines (`"plain"`), only failures and errors (`"quiet"`), nothing (`"none"`),
   * or the events on stdout (`"json"`).
   *
   * @default {"auto"}
   */
  progress?: "auto" | "plain" | "quiet" | "json" | "none";
  /** Ends the run: what is being computed ends as preempted, and the reason of the signal is thrown. */
  signal?: AbortSignal;
  /**
   * URL of the module that defines the tasks, where that is not the main module.
   *
   * @default {Deno.mainModule}
   */
  entry?: string;
}

// What `configure` has, too, is checked with the rest of the configuration.
const OPTIONS: OptionChecks<RunLocalOptions> = {
  maxWorkers: countBySpec,
  window: aWindow,
  keepGoing: aBoolean,
  force: namesOfTasks,
  forceDependents: aBoolean,
  isolation: oneOf("process", "inline"),
  maxComputeRetries: anything,
  retryFailed: anything,
  maxHeapMb: anything,
  maxTasksPerWorker: anything,
  maxWorkerMb: anything,
  limits: anything,
  priority: aPriority,
  notify: anything,
  onEvent: aFunction,
  progress: aProgress,
  signal: aSignal,
  entry: aString,
};

/**
 * Computes all of the roots that is missing, in parallel on this machine: what `runLocal` of users does,
 * without the schedulers that it can ask.
 *
 * @param hints What a scheduler knows of others that compute the same artifacts.
 * @returns How it went, when all roots are there.
 * @throws As the users' `runLocal` does.
 */
export async function runRootsLocally(
  given: Artifact | Iterable<Artifact>,
  options: RunLocalOptions = {},
  hints: SchedulerHints = {},
): Promise<RunSummary> {
  refuseWhileLoading("runLocal");
  refuseInside("runLocal");
  checkOptions("runLocal", options, OPTIONS);
  const { window = "bfs", keepGoing = false, entry = Deno.mainModule } = options;
  checkInline(options);
  const mixes = options.isolation === undefined && currentSession() !== undefined;
  // They may be given once only, and are looked at twice.
  const roots = mixes || options.priority !== undefined ? [...rootsOf(given)] : given;
  const priority = rootPriority(options.priority, rootsOf(roots));
  const typed = mixes ? typedBelow(roots as Artifact[]) : undefined;
  if (options.isolation !== "inline") checkSelfStart();
  const { atOnce, ...limits } = workerLimits(options.maxWorkers);
  const config = configOfRun(overrides(options));
  const reporter = runReporter("runLocal", options);
  const runtime = systemRuntime(config, { log: reporter.print, entry: options.entry, atOnce, ...hints });
  const runId = `local-${new Date().toISOString().replaceAll(/[:.]/g, "")}-${
    runtime.machine.randomId().slice(0, 6)
  }`;
  const force = options.force ?? config.alwaysRerun;
  const dependentsOf = options.forceDependents ? rootsOf(roots) : undefined;
  const forced = forcedByUser(runtime.store, force, runId, dependentsOf);
  const source = storeStatus(runtime, { run: runId });
  const stopping = new AbortController();
  const inline = new InlineComputer(runtime, runId);
  const workers = new ProcessComputer(runtime, runId, {
    entry,
    maxWorkers: limits.maxRunning,
    atOnce,
    config: () => childConfig(runtime, config),
    stopping: stopping.signal,
    echo: currentSession() === undefined ? undefined : runtime.echo,
  });
  const computer = options.isolation === "inline"
    ? inline
    : typed?.size
    ? new SessionComputer(typed, inline, workers)
    : workers;
  let todo, kept;
  try {
    if (computer instanceof ProcessComputer && mayStartWorkers()) {
      // It takes them longer to start than it takes to plan a few artifacts.
      computer.warm(await countMissing(runtime.store, roots, limits.maxRunning));
    }
    todo = await makePlan(rootsOf(roots), source, { forced, priority, signal: options.signal });
    checkComputable(todo.nodes.values());
    checkLimits(unfinished(todo), config.limits);
    kept = await todo.kept();
    if (options.isolation !== "inline") {
      const elsewhere = [...todo.nodes.values()].filter(({ hash }) => !typed?.has(hash));
      checkImportable(elsewhere, entry);
      if (elsewhere.some(({ status }) => status !== "DONE")) {
        checkPermissions("start worker processes", TO_START, 'isolation: "inline" needs neither');
      }
    }
    // Last, as it leaves a folder.
    if (todo.counts.done < todo.nodes.size) await checkWritable(runtime.store);
  } catch (error) {
    await computer.close();
    throw error;
  }
  const onInterrupt = (): void => {
    const text =
      "interrupted: tasks that run are told to stop and get a few seconds for it; Ctrl-C again ends them at once";
    reporter.sink({ type: "message", level: "warn", text, at: runtime.machine.clock.now() });
  };
  return await interruptibleRun(options.signal, onInterrupt, async (signal, onKill) => {
    // Here, since after a signal this process ends before `runLocal` does.
    using _ = reporter;
    signal.addEventListener("abort", () => stopping.abort(signal.reason), { once: true });
    if (signal.aborted) stopping.abort(signal.reason);
    onKill(() => computer.kill());
    // Where all is stored nothing happens that anybody would look for.
    const isIdle = todo.counts.done === todo.nodes.size;
    const progress = isIdle ? undefined : new ProgressFile(runtime.store, {
      runId,
      mode: "local",
      entry,
      roots: todo.roots.flatMap((hash) => todo.nodes.get(hash) ?? []),
      nodes: todo.nodes.values(),
      graph: () =>
        [...todo.nodes.values()].map(({ name, hash, dependencies: needs, artifact }) => ({
          ...{ name, hash, needs },
          params: shortParams(artifact),
        })),
    });
    const notifier = isIdle ? undefined : await localNotifier(runtime, { runId, entry, plan: todo });
    const onEvent = (event: RunEvent): void => {
      reporter.sink(event);
      progress?.sink(event);
      notifier?.sink(event);
    };
    try {
      const { summary, interrupted, stalled } = await drive(runtime, {
        runId,
        plan: todo,
        window,
        keepGoing,
        ...limits,
        ahead: () => computer.ahead,
        retry: config,
        forced,
        limits: config.limits,
        replan: (artifact) => makePlan([artifact], source, { forced, priority: priorityIn(todo) }),
        onEvent: (event) => {
          onEvent(event);
          if (event.type !== "run_started") return;
          const { at } = event;
          const here = typed && typedText(typed, todo.nodes.values());
          if (here !== undefined) reporter.sink({ type: "message", level: "info", text: here, at });
          if (kept !== undefined) reporter.sink({ type: "message", level: "warn", text: keptText(kept), at });
        },
        signal,
        backend: (report) =>
          new AttemptBackend(runtime, {
            name: "local",
            runId,
            computer,
            forced,
            onEvent,
            report,
          }),
      });
      if (interrupted) throw signal.reason;
      if (summary.failures.length > 0 || summary.notRun > 0) {
        const report = failureReport(summary, { keepGoing });
        throw new RunFailedError(stalled === undefined ? report : `${stalled}\n\n${report}`, summary);
      }
      return summary;
    } catch (error) {
      notifier?.broken(error);
      throw error;
    } finally {
      await computer.close();
      await progress?.close();
      await notifier?.close();
    }
  });
}

const OF_WORKERS = ["maxHeapMb", "maxTasksPerWorker", "maxWorkerMb"] as const;

function overrides(options: RunLocalOptions): Partial<Config> {
  const names = ["maxComputeRetries", "retryFailed", "limits", "notify", ...OF_WORKERS] as const;
  return Object.fromEntries(
    names.flatMap((name) => options[name] === undefined ? [] : [[name, options[name]]]),
  );
}

function checkInline(options: RunLocalOptions): void {
  const name = options.isolation === "inline" && OF_WORKERS.find((each) => options[each] !== undefined);
  if (!name) return;
  throw new ValidationError(`Cannot use ${name} with isolation "inline": it is about worker processes`);
}

/** What a process needs so that it can start workers. */
const TO_START = [{ name: "run" }, { name: "net" }] as const;

/** Asked without a complaint, which is made when it is sure that they are needed. */
function mayStartWorkers(): boolean {
  return TO_START.every((each) => Deno.permissions.querySync(each).state === "granted");
}

/** The number of roots that are looked at before planning: on a file server each takes its time. */
const LOOKED_AT = 50;

/**
 * How many of the first roots have no record, so that there is surely something to do: where all is done no
 * process is started.
 */
async function countMissing(
  store: Store,
  roots: Artifact | Iterable<Artifact>,
  most = 1,
): Promise<number> {
  const given = isArtifact(roots) ? [roots] : Array.isArray(roots) ? roots.slice(0, LOOKED_AT) : [];
  let missing = 0;
  for (const root of given) {
    if (missing >= most) break;
    // What is wrong with the store shows when it is planned.
    const isThere = isArtifact(root) &&
      store.machine.files.exists(store.paths(root).record).catch(() => true);
    if (isArtifact(root) && !await isThere) missing++;
  }
  return missing;
}

async function childConfig(runtime: Runtime, config: Config): Promise<ComputeConfig> {
  return { config, git: await runtime.provenance.git() ?? null };
}
