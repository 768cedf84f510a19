import { errorText } from "../../core/errors.ts";
import type { EventSink } from "../../core/event.ts";
import { controlPool } from "../../pool/controller/control_pool.ts";
import { readEnded } from "../../pool/ended.ts";
import type { PoolRun } from "../../remote/pool_run.ts";
import { remoteArtifacts } from "../../remote/remote_artifact.ts";
import { LeadershipLostError } from "../../pool/leadership.ts";
import { isUpFront } from "../../pool/worker/up_front.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { Claim } from "../../store/claims/claim.ts";
import type { SlurmJob } from "../../store/record.ts";
import type { SlurmClient } from "../client/client.ts";
import { FixedLauncher } from "./fixed_launcher.ts";
import { runSpecs } from "../run/run_specs.ts";
import { SbatchLauncher } from "./sbatch_launcher.ts";

/** What a worker's process does the run's own work with. */
export interface BesideTasks {
  /** Files, clock, store. */
  runtime: Runtime;
  /** Where everything of the run is. */
  paths: QueuePaths;
  /** The run. */
  run: PoolRun;
  /** Asks Slurm. */
  client: SlurmClient;
  /** Told what happens. */
  onEvent: EventSink;
  /** Writes a line to the worker's log. */
  say: (text: string) => void;
}

/** So long a worker waits for Slurm, before it takes any task, to have its heir submitted. */
const HEIR_LIMIT_MS = 60_000;

/**
 * Has the heir of a detached run wait for this worker, too: before this process can become the controller, and be killed as
 * that. What does not work ends nothing.
 *
 * @param exclude Nodes on which the heir would be of no use. @default none
 */
export async function keepHeirAfter(
  parts: BesideTasks,
  { name }: SlurmJob,
  exclude: readonly string[] = [],
): Promise<void> {
  const { runtime: { store, machine: { clock } }, paths, run, onEvent } = parts;
  // Then all its heirs were submitted when it began.
  if (isUpFront(run)) return;
  try {
    if (await readEnded(store, paths)) return;
    await launcherOf(parts, 0).keepHeirAfter(name, exclude, AbortSignal.timeout(HEIR_LIMIT_MS));
  } catch (error) {
    const text = `there is no heir for the moment when no worker is left: ${errorText(error)}`;
    onEvent({ type: "message", level: "warn", text, at: clock.now() });
  }
}

/**
 * Is the run's controller beside the worker's tasks, until the run has ended or somebody else is to be it.
 *
 * @throws What ends the run with an error.
 */
export async function controlBeside(parts: BesideTasks, claim: Claim, handOver: AbortSignal): Promise<void> {
  const { runtime, paths, run, onEvent, say } = parts;
  say(`it is the controller of run ${run.runId} from now on (number ${claim.attempt.n})`);
  const able = launcherOf(parts, claim.attempt.n);
  const launcher = isUpFront(run) ? new FixedLauncher(able, say) : able;
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
    if (!result) return say("it is the controller no more");
    say(`run ${run.runId} has ended`);
    await launcher.close();
  } catch (error) {
    if (!(error instanceof LeadershipLostError)) throw error;
    say(error.message);
  }
}

function launcherOf({ runtime, paths, run, client, onEvent }: BesideTasks, term: number): SbatchLauncher {
  return new SbatchLauncher(runtime, {
    paths,
    run,
    specs: runSpecs(run),
    client,
    term,
    refusalHint: `where jobs cannot submit jobs, say so in furu.json: { "slurm": { "nodesSubmit": false } }`,
    onWarning: (text) => onEvent({ type: "message", level: "warn", text, at: runtime.machine.clock.now() }),
  });
}
