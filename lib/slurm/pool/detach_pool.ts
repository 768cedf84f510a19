import type { Clock } from "../../core/system/clock.ts";
import { errorText, ValidationError } from "../../core/errors.ts";
import { scale } from "../../pool/fleet/scale.ts";
import { Leadership } from "../../pool/leadership.ts";
import { isStaticFleet } from "../../pool/worker/static_fleet.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { PoolRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { Claim } from "../../store/claims/claim.ts";
import { plural } from "../../ui/text.ts";
import type { PreparedRun, StartRunOptions } from "../run/prepare_run.ts";
import type { RunPoolOptions, SubmittedRun } from "../run/run_slurm_options.ts";
import { cancelPool } from "./cancel_pool.ts";
import { SbatchLauncher } from "./sbatch_launcher.ts";

/** The pause between two tries while no worker is let in. The launcher decides how often sbatch is asked. */
const PAUSE_MS = 1000;

/** A run of a pool whose controller this process is. */
export interface OpenPool extends PreparedRun<PoolRun> {
  /** Where everything of it is. */
  paths: QueuePaths;
  /** The role of its controller. */
  claim: Claim;
}

/**
 * Submits the first workers of a run, and a standby controller for the moment when none of them is left, and
 * leaves the run to them: the first that begins becomes its controller.
 *
 * @throws {SlurmError} With sbatch's own words.
 */
export async function detachPool(
  runtime: Runtime,
  { run, paths, specs, claim, plan }: OpenPool,
  { client, log, signal }: Pick<StartRunOptions<RunPoolOptions>, "client" | "log" | "signal">,
): Promise<SubmittedRun> {
  const { runId } = run;
  const { clock } = runtime.machine;
  const launcher = new SbatchLauncher(runtime, {
    paths,
    run,
    specs,
    client,
    term: claim.attempt.n,
    log,
  });
  // The role is given up before they are submitted: the first that begins is to find it free.
  await new Leadership(runtime, claim).giveUp("the run was left to its workers");
  await claim.heartbeat.stop();
  let count: number;
  let standbys = 0;
  try {
    count = await submitFirst(launcher, clock, { run, specs, plan }, signal);
    const alive = (await launcher.workers.alive(signal)).map(({ key }) => key);
    if (isStaticFleet(run)) {
      standbys = await launcher.standby.submitChain(alive, run.config.maxPreemptRetries, signal);
    } else await launcher.keepStandby(alive, signal);
  } catch (error) {
    // Half of it would go on by itself, though nobody knows of it.
    await cancelPool(runtime, { paths, run, client }).catch((second) => log.warn(errorText(second)));
    throw error;
  }
  const jobIds = await launcher.workers.jobIds();
  log.info(`submitted ${plural(count, "worker")}, which go on by themselves`);
  if (isStaticFleet(run)) {
    log.info(
      `these are all that there will be, with ${
        plural(standbys, "standby controller")
      } for when none is left, since jobs cannot submit ` +
        "jobs here (slurm.nodesSubmit is false)",
    );
  }
  log.info(`follow it with: furu follow ${runId}; cancel it with: furu cancel ${runId}`);
  return { runId, runDir: paths.run, jobIds, rootJobIds: plan.roots.map(() => undefined), plan };
}

/**
 * Submits workers for what is ready, or for all that is missing where none can follow, beside those that are
 * there already.
 *
 * @returns How many workers.
 */
async function submitFirst(
  launcher: SbatchLauncher,
  clock: Clock,
  { run, specs, plan }: Pick<OpenPool, "run" | "specs" | "plan">,
  signal: AbortSignal,
): Promise<number> {
  const there = await launcher.workers.alive(signal);
  const upFront = isStaticFleet(run);
  const missing = [...plan.nodes.values()].filter(({ status }) => status !== "DONE");
  const counted = upFront ? missing : plan.ready();
  const loads = Object.keys(specs).map((spec) => {
    const own = there.filter((job) => job.spec === spec);
    const tasks = counted.filter((node) => node.spec === spec).length;
    return { spec, tasks, alive: own.length, leaving: 0, pending: 0 };
  });
  const { submit } = scale(loads, run.options);
  const without = loads.filter(({ spec, tasks, alive }) =>
    tasks > 0 && alive === 0 && !submit.some((each) => each.spec === spec)
  );
  if (upFront && without.length > 0) {
    throw new ValidationError(
      `Cannot leave this run to its workers as maxWorkers has no room for one of spec ${
        without.map(({ spec }) => `'${spec}'`).join(", ")
      }, and jobs cannot submit jobs here (slurm.nodesSubmit is false): one for each spec is needed`,
    );
  }
  let count = 0;
  for (const { spec, count: more } of submit) {
    count += await (upFront ? some(spec, more) : handOver(spec, more));
  }
  // All that is missing may be in progress elsewhere, or nothing be missing: somebody is to end the run all
  // the same.
  const [anySpec] = Object.keys(specs);
  if (there.length === 0 && anySpec !== undefined) {
    const spec = "default" in specs ? "default" : anySpec;
    if (count === 0) count = await some(spec, 1);
  }
  return count;

  async function handOver(spec: string, wanted: number): Promise<number> {
    const { taken, refusal } = await launcher.submit({ spec, count: wanted, exclude: [] }, signal);
    if (refusal?.kind === "refused") throw refusal.error;
    return taken;
  }

  /**
   * Waits while a limit of the site lets in no worker: to leave now would leave the run, or a spec of it, to
   * nobody.
   */
  async function some(spec: string, wanted: number): Promise<number> {
    for (;;) {
      const taken = await handOver(spec, wanted);
      if (taken > 0) return taken;
      await clock.sleep(PAUSE_MS, signal);
    }
  }
}
