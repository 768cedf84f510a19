import { configOfRun } from "../core/config.ts";
import { ValidationError } from "../core/errors.ts";
import { currentSession } from "../core/system/session.ts";
import type { RunSummary } from "../core/event.ts";
import { checkPermissions } from "../core/permissions.ts";
import { runLog } from "../core/run_log.ts";
import { systemRuntime } from "../run/default_runtime.ts";
import { refuseInside, refuseWhileLoading } from "../run/context.ts";
import { runReporter } from "../schedule/run_reporter.ts";
import { interruptibleRun } from "../core/system/interrupts.ts";
import { typedBelow } from "../plan/typed_below.ts";
import { rootsOf } from "../schedule/check_run.ts";
import { ARTIFACT, type Artifact, isArtifact } from "../task/artifact/artifact.ts";
import { checkSelfStart } from "../worker/child/check_self_start.ts";
import { systemClient } from "./jobs/system_client.ts";
import { JobWatch } from "./jobs/job_watch.ts";
import { jobHints } from "./jobs/slurm_hints.ts";
import { newRunId } from "./run/prepare_run.ts";
import {
  checkSlurmOptions,
  type RunSlurmOptions,
  slurmOverrides,
  type SubmittedRun,
} from "./run/run_slurm_options.ts";
import { startDag } from "./start_dag.ts";
import { startPool } from "./start_pool.ts";

/** A program that may start any program may do anything: it makes no sense to ask for less. */
const NEEDED = [
  { name: "read" },
  { name: "write" },
  { name: "run" },
  { name: "env" },
  { name: "sys", kind: "uid" },
] as const;

/**
 * The module that jobs begin with where the main module is no file, as in a notebook.
 *
 * @throws {ValidationError} If tasks are typed in there: says what to do.
 */
function importableEntry(roots: Iterable<Artifact>): string {
  const all = [...roots];
  const typed = typedBelow(all);
  if (typed.size > 0) {
    throw new ValidationError(
      `Cannot run ${
        all.find(({ hash }) => typed.has(hash))
      } on Slurm as its task, or one that it depends on, is ` +
        `typed in here, where no job can import it: put the tasks into a module file and import them from that`,
    );
  }
  return all.find(isArtifact)?.[ARTIFACT].task.module ?? Deno.mainModule;
}

/**
 * `runSlurm` of the public API: see `lib/api/run_slurm.ts`, which loads this when it is used.
 *
 * @param roots The artifacts that are wanted.
 * @returns How it went; with `detach: true` what was submitted.
 * @throws What the users' `runSlurm` throws.
 */
export async function runOnSlurm(
  given: Artifact | Iterable<Artifact>,
  options: RunSlurmOptions = {},
): Promise<RunSummary | SubmittedRun> {
  refuseWhileLoading("runSlurm");
  refuseInside("runSlurm");
  checkSelfStart();
  checkSlurmOptions(options);
  checkPermissions("run on Slurm", NEEDED);
  const isTyped = options.entry === undefined && currentSession() !== undefined;
  const roots = isTyped ? [...rootsOf(given)] : given;
  const entry = options.entry ?? (isTyped ? importableEntry(rootsOf(roots)) : Deno.mainModule);
  const config = configOfRun(slurmOverrides(options));
  const reporter = runReporter("runSlurm", options);
  const intervalSec = options.squeueIntervalSec ?? config.slurm?.squeueIntervalSec;
  const submits = options.mode === "dag" || options.launcher !== "srun";
  const client = systemClient(intervalSec, { cluster: options.cluster, submits });
  const runtime = systemRuntime(config, {
    log: reporter.print,
    entry: options.entry,
    claimHint: jobHints(() => watch).claimHint,
  });
  const watch = new JobWatch(runtime.machine, client);
  const log = runLog(reporter.sink, runtime.machine.clock);
  // What is strange about this site: it rewrites names, or its lists are old.
  client.notice = log.warn;
  const onInterrupt = (): void =>
    log.warn(
      "interrupted: this run is being stopped; Ctrl-C again leaves at once, perhaps with jobs left in Slurm",
    );
  return await interruptibleRun(options.signal, onInterrupt, async (signal, onKill) => {
    using _ = reporter;
    const runId = newRunId(runtime.machine);
    const start = { runId, config, entry, client, watch, log, reporter, signal, onKill };
    return options.mode === "dag"
      ? await startDag(runtime, roots, { ...start, options })
      : await startPool(runtime, roots, { ...start, options });
  });
}
