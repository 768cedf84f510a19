import { errorText } from "../../core/errors.ts";
import type { RunLog } from "../../core/run_log.ts";
import type { EventSink } from "../../core/event.ts";
import { controlPool } from "../../pool/controller/control_pool.ts";
import { readEnded } from "../../pool/ended.ts";
import { type PoolHead, type PoolRun, readRun, wholeRun } from "../../remote/run_record.ts";
import { remoteArtifacts } from "../../remote/remote_artifact.ts";
import { LeadershipLostError } from "../../pool/leadership.ts";
import { isStaticFleet } from "../../pool/worker/static_fleet.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { Claim } from "../../store/claims/claim.ts";
import type { SlurmJob } from "../../store/record.ts";
import type { SlurmClient } from "../client/client.ts";
import { runSpecs } from "../run/check_specs.ts";
import { SbatchLauncher } from "./sbatch_launcher.ts";

/** A worker's process that may control its run. */
export interface ControllingWorker {
  /** Files, clock, store. */
  runtime: Runtime;
  /** Where everything of the run is. */
  paths: QueuePaths;
  /** The run. */
  run: PoolHead;
  /** The job that it runs in. */
  slurm: SlurmJob | undefined;
  /** Asks Slurm. */
  client: SlurmClient;
  /** Takes what happens. */
  onEvent: EventSink;
  /** Says things in the worker's log. */
  log: RunLog;
}

/** Milliseconds that a worker waits for Slurm to take the next standby, before it takes any task. */
const STANDBY_LIMIT_MS = 60_000;

/**
 * If this worker is a detached run's standby controller, has the next one wait for it: before this process
 * can become the controller, and be killed as that. What does not work ends nothing.
 *
 * @param exclude Nodes on which the next one would be of no use.
 */
export async function keepStandbyAfter(
  worker: ControllingWorker,
  own: SlurmJob,
  exclude: readonly string[] = [],
): Promise<void> {
  const { runtime: { store }, paths, run, log } = worker;
  // Then all standby controllers were submitted when it began.
  if (isStaticFleet(run)) return;
  try {
    if (await readEnded(store, paths)) return;
    const { standby } = launcherOf(worker, 0);
    await standby.keepAfter(own, exclude, AbortSignal.timeout(STANDBY_LIMIT_MS));
  } catch (error) {
    log.warn(`there is no standby controller for the moment when no worker is left: ${errorText(error)}`);
  }
}

/**
 * Controls the run beside the worker's tasks, until the run has ended or somebody else is to control it.
 *
 * @throws What ends the run with an error.
 */
export async function controlInWorker(
  worker: ControllingWorker,
  claim: Claim,
  handOver: AbortSignal,
): Promise<void> {
  const { runtime, paths, onEvent, log } = worker;
  const run = await runOfNow(worker);
  log.info(`it is the controller of run ${run.runId} from now on (number ${claim.attempt.n})`);
  const launcher = launcherOf({ ...worker, run }, claim.attempt.n);
  // In the run's events, which its followers see.
  worker.client.notice = (text) => launcher.log.warn(text);
  try {
    const result = await controlPool(runtime, {
      paths,
      run,
      claim,
      launcher,
      artifactOf: remoteArtifacts(run),
      onEvent,
      signal: new AbortController().signal,
      handOver,
    });
    if (!result) return log.info("it is the controller no more");
    log.info(`run ${run.runId} has ended`);
  } catch (error) {
    if (!(error instanceof LeadershipLostError)) throw error;
    return log.info(error.message);
  }
  try {
    await launcher.close();
  } catch (error) {
    if (launcher.canSubmit) throw error;
    // Each of them begins when the one before it has ended.
    log.warn(`standby controllers are left in Slurm, which will leave at once: ${errorText(error)}`);
  }
}

/** The run, which may have been taken up with other specs and options since this worker read it. */
async function runOfNow({ runtime, paths, run, log }: ControllingWorker): Promise<PoolRun> {
  try {
    const now = await readRun(runtime, paths, "pool");
    // The store may be mounted elsewhere here.
    return { ...now, config: { ...now.config, root: run.config.root } };
  } catch (error) {
    log.warn(`it goes by what the run was when this worker began: ${errorText(error)}`);
    return await wholeRun(runtime, paths, run);
  }
}

function launcherOf(
  { runtime, paths, run, slurm, client, log }: ControllingWorker,
  term: number,
): SbatchLauncher {
  return new SbatchLauncher(runtime, {
    paths,
    run,
    own: slurm,
    specs: runSpecs(run),
    client,
    term,
    canSubmit: !isStaticFleet(run),
    refusalHint: `where jobs cannot submit jobs, say so in furu.json: { "slurm": { "nodesSubmit": false } }`,
    log,
  });
}
