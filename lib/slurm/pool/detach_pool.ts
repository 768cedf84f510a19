import type { Clock } from "../../core/system/clock.ts";
import { errorText, ValidationError } from "../../core/errors.ts";
import type { RunLog } from "../../core/run_log.ts";
import { scale } from "../../pool/fleet/scale.ts";
import type { Refusal } from "../../pool/launcher.ts";
import { Leadership } from "../../pool/leadership.ts";
import { isStaticFleet } from "../../pool/worker/static_fleet.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import { specOfNode } from "../../remote/node_specs.ts";
import type { PoolRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import { type Claim, letGo } from "../../store/claims/claim.ts";
import { plural } from "../../ui/text.ts";
import type { PreparedRun, StartRunOptions } from "../run/prepare_run.ts";
import type { RunPoolOptions, SubmittedRun } from "../run/run_slurm_options.ts";
import { cancelPool } from "./cancel_pool.ts";
import { SbatchLauncher } from "./sbatch_launcher.ts";
import { isStandby } from "./standby.ts";
import { waitAtMost } from "./wait_at_most.ts";

/** People are told what is waited for after so many milliseconds. */
const WORD_MS = 5000;
/** Pauses between two tries while no worker is let in: the first one, and the longest one. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;
/** For so long from the beginning a refusal may be one of a moment. Somebody waits for the answer. */
const REFUSED_MS = 10_000;

/** A run of a pool whose controller this process is. */
export interface OpenPool extends PreparedRun<PoolRun> {
  /** Where everything of it is. */
  paths: QueuePaths;
  /** The role of its controller. */
  claim: Claim;
  /**
   * Whether it was there before, and was taken up.
   *
   * @default {false}
   */
  takenUp?: boolean | undefined;
}

/**
 * Submits the first workers of a run, and a standby controller for the moment when none of them is left, and
 * leaves the run to them: the first that begins becomes its controller. Waits for sbatch's answers, however
 * slow they are: nobody would tell of a refusal later.
 *
 * @throws {SlurmError} With sbatch's own words. What this call has submitted is cancelled then, and a run
 * that it has begun is ended; one that it has taken up goes on as it was.
 */
export async function detachPool(
  runtime: Runtime,
  { run, paths, specs, claim, plan, takenUp = false }: OpenPool,
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
  await letGo(runtime.store, claim);
  let count: number;
  let standbys = 0;
  try {
    const submitting = submitFirst(launcher, clock, { run, specs, plan }, { log, signal });
    if (!await waitAtMost(clock, submitting, WORD_MS)) {
      log.info("sbatch has not taken the first workers yet: its answer is waited for");
    }
    count = await submitting;
    const workers = (await launcher.workers.alive()).filter((worker) => !isStandby(worker));
    const alive = workers.map(({ key }) => key);
    if (isStaticFleet(run)) {
      standbys = await launcher.standby.submitChain(alive, run.config.maxPreemptRetries, signal);
    } else await launcher.standby.keep(alive, signal);
  } catch (error) {
    // Half of it would go on by itself, though nobody knows of it.
    try {
      await launcher.cancelOwn();
      if (!takenUp) await cancelPool(runtime, { paths, run, client });
    } catch (second) {
      log.warn(errorText(second));
    }
    throw error;
  }
  const jobIds = await launcher.workers.jobIds();
  log.info(
    count > 0
      ? `submitted ${plural(count, "worker")}, which go on by themselves`
      : "no worker was submitted: those that the run has go on by themselves",
  );
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
  { log, signal }: { log: RunLog; signal: AbortSignal },
): Promise<number> {
  const alive = await launcher.workers.alive({ until: "sure", signal });
  const there = alive.filter((worker) => !isStandby(worker));
  const upFront = isStaticFleet(run);
  const missing = [...plan.nodes.values()].filter(({ status }) => status !== "DONE");
  const counted = upFront ? missing : plan.ready();
  const specOf = new Map(run.nodes.map((node) => [node.hash, specOfNode(node)]));
  const loads = Object.keys(specs).map((spec) => {
    const own = there.filter((job) => job.spec === spec);
    const tasks = counted.filter(({ hash }) => specOf.get(hash) === spec).length;
    return { spec, tasks, alive: own.length, leaving: 0, pending: 0 };
  });
  const submit = [...scale(loads, run.options).submit];
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
  // All that is missing may be in progress elsewhere, or nothing be missing: somebody is to end the run all
  // the same.
  const [anySpec] = Object.keys(specs);
  if (there.length === 0 && submit.length === 0 && anySpec !== undefined) {
    submit.push({ spec: "default" in specs ? "default" : anySpec, count: 1 });
  }
  const each = (spec: string, wanted: number) => submitFewer(launcher, spec, wanted, signal);
  return await submitUntilSome(submit, each, { clock, log, signal, all: upFront, anyway: there.length > 0 });
}

/** What is asked of {@link submitUntilSome}. */
interface UntilSome {
  clock: Clock;
  log: RunLog;
  signal: AbortSignal;
  /** Whether each spec needs a worker, since nobody can submit any later. */
  all: boolean;
  /** Whether there are workers already, to which the run can be left. */
  anyway: boolean;
}

/**
 * Submits workers of each spec until the run can be left to them: to leave before would leave it, or a spec
 * of it, to nobody. Limits of the site are waited out.
 *
 * @returns How many.
 * @throws {SlurmError} With sbatch's own words, when it goes on refusing.
 */
async function submitUntilSome(
  wanted: readonly { readonly spec: string; readonly count: number }[],
  submit: (spec: string, count: number) => Promise<{ taken: number; refusal?: Refusal | undefined }>,
  { clock, log, signal, all, anyway }: UntilSome,
): Promise<number> {
  let left = wanted;
  let count = 0;
  const began = clock.monotonic();
  const told = new Set<string>();
  for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const answers = await Promise.all(left.map(async (each) => ({
      each,
      ...await submit(each.spec, each.count),
    })));
    for (const { taken } of answers) count += taken;
    const without = answers.filter(({ taken }) => taken === 0);
    const isEnough = without.length === 0 || !all && (anyway || count > 0);
    for (const { each: { spec }, refusal } of without) {
      const key = `${spec} ${refusal?.kind} ${isEnough}`;
      if (!refusal || told.has(key)) continue;
      told.add(key);
      log.warn(
        `there are no workers of spec '${spec}' for now${
          isEnough ? ", which the run itself tries again" : ""
        }: ${refusal.error.message}`,
      );
    }
    if (isEnough) return count;
    const refused = without.find(({ refusal }) => refusal?.kind === "refused")?.refusal;
    const isLimited = without.some(({ refusal }) => refusal?.kind === "limit");
    // What a limit keeps out will be let in one day.
    const isHopeless = refused && (all || !isLimited);
    if (isHopeless && clock.monotonic() - began >= REFUSED_MS) throw refused.error;
    left = without.map(({ each }) => each);
    await clock.sleep(pauseMs, signal);
  }
}

/** Submits workers; where a limit refuses them, half of them, and so on. */
async function submitFewer(
  launcher: SbatchLauncher,
  spec: string,
  wanted: number,
  signal: AbortSignal,
): Promise<{ taken: number; refusal?: Refusal | undefined }> {
  for (let count = wanted;; count = Math.floor(count / 2)) {
    const answer = await launcher.submit({ spec, count, exclude: [] }, signal, { until: "answered" });
    if (answer.taken > 0 || answer.refusal?.kind !== "limit" || count === 1) return answer;
  }
}
