import { type Config, resolveConfig } from "../core/config.ts";
import { RunFailedError, ValidationError } from "../core/errors.ts";
import type { EventSink, RunSummary } from "../core/event.ts";
import { makePlan } from "../plan/graph.ts";
import { type SchedulerHints, systemRuntime } from "../run/default_runtime.ts";
import { refuseWhileLoading } from "../run/get/loading.ts";
import { refuseInside } from "../run/refuse_inside.ts";
import type { Runtime } from "../run/runtime.ts";
import { drive } from "../schedule/drive.ts";
import { forcedByUser } from "../plan/forced.ts";
import { keptText } from "../plan/kept.ts";
import { storeStatus } from "../schedule/status_source.ts";
import { runReporter } from "../schedule/run_reporter.ts";
import {
  checkChoices,
  checkComputable,
  checkImportable,
  rootsOf,
  type Window,
  windowSize,
} from "../schedule/check_run.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { failureReport } from "../ui/report.ts";
import type { ComputeConfig } from "../worker/child/compute_task.ts";
import { InlineComputer } from "../run/inline_computer.ts";
import { AttemptBackend } from "../schedule/attempt_backend.ts";
import { checkPermissions } from "../core/permissions.ts";
import { checkSelfStart } from "../worker/child/check_self_start.ts";
import { ProcessComputer } from "../worker/process_computer.ts";
import { interruptibleRun } from "../core/system/interrupts.ts";

/** Options of {@link runRootsLocally}. */
export interface RunLocalOptions {
  /** Most attempts at the same time: in all, or for each spec (`{ default: 8, gpu: 1 }`). @default the cores */
  maxWorkers?: number | Record<string, number>;
  /** Which roots are worked on at the same time: one (`"dfs"`), all (`"bfs"`) or a rolling number. @default "bfs" */
  window?: Window;
  /** After a failure, do all that does not depend on it before giving up? @default false */
  keepGoing?: boolean;
  /**
   * Names of tasks to compute again although they are stored, or `"ALL"`. What depends on them stays as it is, and the run
   * says how many results that are.
   *
   * @default FURU_ALWAYS_RERUN
   */
  force?: "ALL" | string[];
  /** Where tasks run: in worker processes, or inside this one. @default "process" */
  isolation?: "process" | "inline";
  /** How often a failed computation is tried again, after the first attempt. @default FURU_MAX_COMPUTE_RETRIES, 3 */
  maxComputeRetries?: number;
  /** Is an artifact tried again whose latest attempt failed in an earlier run? @default FURU_RETRY_FAILED, true */
  retryFailed?: boolean;
  /**
   * Megabytes that V8's heap may have in each worker process; typed arrays and buffers are outside of it.
   *
   * @default FURU_MAX_HEAP_MB, V8's own limit
   */
  maxHeapMb?: number;
  /** After so many tasks a worker process is replaced by a new one. @default FURU_MAX_TASKS_PER_WORKER, no limit */
  maxTasksPerWorker?: number;
  /**
   * A worker process that has more megabytes of memory after a task is replaced by a new one.
   *
   * @default FURU_MAX_WORKER_MB, 256, or twice what one has after its first task where that is more
   */
  maxWorkerMb?: number;
  /** Told what happens. */
  onEvent?: EventSink;
  /** How the run shows itself, on stderr (`"json"`: on stdout). @default "auto" */
  progress?: "auto" | "plain" | "quiet" | "json" | "none";
  /** Ends the run: what runs is preempted, and the signal's reason is thrown. */
  signal?: AbortSignal;
  /** URL of the module that defines the tasks, where it is not the main module. @default Deno.mainModule */
  entry?: string;
}

/**
 * Computes all of the roots that is missing, in parallel on this machine: what `runLocal` of users does, without the
 * schedulers that it can ask.
 *
 * @param hints What a scheduler knows of others that compute the same artifacts.
 * @returns How it went, when all roots are there.
 * @throws What the users' `runLocal` throws.
 */
export async function runRootsLocally(
  roots: Artifact | Iterable<Artifact>,
  options: RunLocalOptions = {},
  hints: SchedulerHints = {},
): Promise<RunSummary> {
  refuseWhileLoading("runLocal");
  refuseInside("runLocal");
  const { window = "bfs", keepGoing = false, entry = Deno.mainModule } = options;
  checkChoices(options);
  checkInline(options);
  if (options.isolation !== "inline") checkSelfStart();
  windowSize(window);
  const limits = workerLimits(options.maxWorkers);
  const config = resolveConfig(overrides(options));
  const reporter = runReporter("runLocal", options);
  const runtime = systemRuntime(config, { log: reporter.print, entry: options.entry, ...hints });
  const runId = `local-${new Date().toISOString().replaceAll(/[:.]/g, "")}-${
    runtime.machine.randomId().slice(0, 6)
  }`;
  const forced = forcedByUser(runtime.store, options.force ?? config.alwaysRerun, runId);
  const planOptions = forced === undefined ? {} : { forced };
  const source = storeStatus(runtime);
  const todo = await makePlan(rootsOf(roots), source, {
    ...planOptions,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  checkComputable(todo.nodes.values());
  const kept = await todo.kept();
  if (options.isolation !== "inline") {
    checkImportable(todo.nodes.values(), entry);
    if (todo.counts.done < todo.nodes.size) {
      const needed = [{ name: "run" }, { name: "net" }] as const;
      checkPermissions("start worker processes", needed, 'isolation: "inline" needs neither');
    }
  }
  const onInterrupt = (): void => {
    const text =
      "interrupted: tasks that run are told to stop and get a few seconds for it; Ctrl-C again ends them at once";
    reporter.sink({ type: "message", level: "warn", text, at: runtime.machine.clock.now() });
  };
  return await interruptibleRun(options.signal, onInterrupt, async (signal, onKill) => {
    // Here, since after a signal this process ends before `runLocal` does.
    using _ = reporter;
    const computer = options.isolation === "inline"
      ? new InlineComputer(runtime, runId)
      : new ProcessComputer(runtime, runId, {
        entry,
        config: () => childConfig(runtime, config),
        stopping: signal,
      });
    onKill(() => computer.kill());
    try {
      const { summary, interrupted, stalled } = await drive(runtime, {
        runId,
        plan: todo,
        window,
        keepGoing,
        ...limits,
        retry: config,
        forced,
        replan: (artifact) => makePlan([artifact], source, planOptions),
        onEvent: (event) => {
          reporter.sink(event);
          if (event.type !== "run_started" || kept === undefined) return;
          reporter.sink({ type: "message", level: "warn", text: keptText(kept), at: event.at });
        },
        signal,
        backend: (report) =>
          new AttemptBackend(runtime, {
            name: "local",
            runId,
            computer,
            forced,
            onEvent: reporter.sink,
            report,
          }),
      });
      if (interrupted) throw signal.reason;
      if (summary.failures.length > 0 || summary.notRun > 0) {
        const report = failureReport(summary, { keepGoing });
        throw new RunFailedError(stalled === undefined ? report : `${stalled}\n\n${report}`, summary);
      }
      return summary;
    } finally {
      await computer.close();
    }
  });
}

const OF_WORKERS = ["maxHeapMb", "maxTasksPerWorker", "maxWorkerMb"] as const;

function overrides(options: RunLocalOptions): Partial<Config> {
  const names = ["maxComputeRetries", "retryFailed", ...OF_WORKERS] as const;
  return Object.fromEntries(
    names.flatMap((name) => options[name] === undefined ? [] : [[name, options[name]]]),
  );
}

function checkInline(options: RunLocalOptions): void {
  const name = options.isolation === "inline" && OF_WORKERS.find((each) => options[each] !== undefined);
  if (!name) return;
  throw new ValidationError(`Cannot use ${name} with isolation "inline": it is about worker processes`);
}

async function childConfig(runtime: Runtime, config: Config): Promise<ComputeConfig> {
  return { config, git: await runtime.provenance.git() ?? null };
}

/** How many attempts may run at the same time. */
export interface WorkerLimits {
  /** Of all specs together. */
  maxRunning?: number;
  /** Of one spec. */
  limit?: (spec: string) => number;
}

/**
 * What `maxWorkers` means: a number is for all specs together; by spec, those that are not named share the number
 * of `default`, or else of the cores, each for itself.
 *
 * @throws {ValidationError} naming the value and what is allowed.
 */
export function workerLimits(maxWorkers: number | Record<string, number> = cores()): WorkerLimits {
  if (typeof maxWorkers === "number") {
    check("maxWorkers", maxWorkers, 1);
    return { maxRunning: maxWorkers };
  }
  if (typeof maxWorkers !== "object" || maxWorkers === null || Array.isArray(maxWorkers)) {
    throw new ValidationError(
      `Cannot use maxWorkers as it must be a whole number from 1, or such a number for each spec: it is ${
        Deno.inspect(maxWorkers)
      }`,
    );
  }
  for (const [spec, count] of Object.entries(maxWorkers)) check(`maxWorkers.${spec}`, count, 1);
  const others = maxWorkers.default ?? cores();
  return { limit: (spec) => maxWorkers[spec] ?? others };
}

function check(name: string, value: unknown, least: number): void {
  if (Number.isInteger(value) && (value as number) >= least) return;
  throw new ValidationError(`Cannot use ${name} as it must be a whole number from ${least}: it is ${value}`);
}

function cores(): number {
  return navigator.hardwareConcurrency;
}
