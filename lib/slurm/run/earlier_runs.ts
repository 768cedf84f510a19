import { join } from "@std/path/posix/join";
import { errorText } from "../../core/errors.ts";
import type { Hash } from "../../core/hash.ts";
import { FURU_VERSION } from "../../core/version.ts";
import { readEnded } from "../../pool/ended.ts";
import { type QueuePaths, queuePaths } from "../../queue/layout.ts";
import { readStop } from "../../queue/requests.ts";
import { codeFault } from "../../remote/code_fault.ts";
import { type PoolRun, readRunHead, wholeRun } from "../../remote/run_record.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { SnapshotRef } from "../../snapshot/places.ts";
import { listOrNothing } from "../../store/store.ts";
import { isSameStart } from "../../worker/run_start.ts";
import { checkOurs, type Whose } from "./check_ours.ts";

/** A new run, as far as an earlier one is compared with it. */
export interface WantedRun
  extends Pick<PoolRun, "entry" | "force" | "forcedDependents" | "detached" | "nodes" | "start"> {
  /** The roots. */
  roots: readonly Hash[];
  /**
   * Nodes of which something is stored that is invalid.
   *
   * @default {none}
   */
  invalid?: readonly Hash[];
  /** The snapshot of the code as it is now: workers of a run with another one would compute with that. */
  code?: SnapshotRef | "any";
}

/** A run of a pool that has not ended, and that is about the roots that a new one wants. */
export interface EarlierRun {
  /** Its record. */
  readonly run: PoolRun;
  /** Where everything of it is. */
  readonly paths: QueuePaths;
  /** Whose it is. */
  readonly whose: Whose;
  /** Whether its queue and workers are as the new one's would be, so that it can be taken up. */
  readonly agrees: boolean;
  /** Whether all that is wanted is there when it has ended well, whoever computes it. */
  readonly covers: boolean;
}

/** The number of latest runs that are looked at: an older one has nothing in progress any more. */
const LATEST = 100;

/**
 * The runs of a pool that have not ended, are not to stop, and are about the same roots, the newest first.
 * Somebody may control them, or nobody be left.
 *
 * @param here Tells the cluster that this process asks, if Slurm does; asked only where there is such a run.
 */
export async function* earlierRuns(
  runtime: Runtime,
  wanted: WantedRun,
  here: () => Promise<string | undefined>,
): AsyncGenerator<EarlierRun> {
  const { store, machine } = runtime;
  const runs = (await listOrNothing(machine, join(store.root, "runs"))).filter(({ isDirectory }) =>
    isDirectory
  );
  // Their ids begin with the time.
  const names = runs.map(({ name }) => name).filter((name) => name.startsWith("slurm-")).sort().reverse();
  for (const runId of names.slice(0, LATEST)) {
    const found = await read(runtime, queuePaths(store.root, runId), wanted, here).catch((error) => {
      // A run that cannot be read is no reason not to begin another one.
      runtime.logger.debug(`Cannot look whether run ${runId} can be taken up: ${errorText(error)}`);
    });
    if (found) yield found;
  }
}

async function read(
  runtime: Runtime,
  paths: QueuePaths,
  wanted: WantedRun,
  here: () => Promise<string | undefined>,
): Promise<EarlierRun | undefined> {
  const { store, machine: { self }, logger } = runtime;
  if (await readEnded(store, paths)) return undefined;
  const head = await readRunHead(runtime, paths);
  if (head.mode !== "pool") return undefined;
  const run = await wholeRun(runtime, paths, head);
  const covers = coversRoots(run, wanted);
  let agrees = agreesWith(run, wanted);
  if (!covers && !agrees || await readStop(store, paths)) return undefined;
  const whose = checkOurs(run, self, await here());
  const { start, code } = wanted;
  if (agrees && start !== undefined && code !== "any" && !isSameStart(start, run.start)) {
    agrees = false;
    if (whose.kind === "ours") {
      logger.info(
        `Run ${run.runId} over the same roots is not taken up as it was begun with other arguments or options of Deno`,
      );
    }
  }
  return { run, paths, whose, agrees, covers };
}

/** Whatever code it has: what an artifact is does not depend on where its code lies. */
function coversRoots(run: PoolRun, { roots, force, invalid = [] }: WantedRun): boolean {
  return force !== "ALL" && force.length === 0 && roots.length > 0 &&
    new Set(roots).isSubsetOf(new Set(run.roots)) && new Set(invalid).isSubsetOf(new Set(run.invalid));
}

/**
 * What may differ is what its controller alone decides: how many workers there are, what their jobs ask Slurm
 * for, what is tried again.
 */
function agreesWith(run: PoolRun, wanted: WantedRun): boolean {
  const same = (a: readonly string[] | "ALL", b: readonly string[] | "ALL"): boolean =>
    a === "ALL" || b === "ALL" ? a === b : a.toSorted().join("\n") === b.toSorted().join("\n");
  const { roots, entry, force, forcedDependents = [], detached, nodes, code, invalid = [] } = wanted;
  // Its workers would refuse to work for another version, and its queue has the specs and limits of then.
  return run.versions.furu === FURU_VERSION && run.entry === entry && same(run.roots, roots) &&
    (code === "any" || run.code?.id === code?.id) && same(run.force, force) &&
    same(run.forcedDependents ?? [], forcedDependents) && same(run.nodes.map(needs), nodes.map(needs)) &&
    // Its workers would take an invalid result for a valid one that their record does not name.
    new Set(invalid).isSubsetOf(new Set(run.invalid)) &&
    // Workers of a run that was not detached never become its controller.
    (run.detached || !detached) &&
    (code === "any" || codeFault(run) === undefined);
}

/** All that has to be known of an artifact in order to have it computed, in a line. */
function needs({ hash, spec, timeLimitSec, ladder, limits, priority }: PoolRun["nodes"][number]): string {
  const more = [ladder, limits].map((each) => each === undefined ? "" : canonical(each)).join(" ");
  return `${hash} ${spec} ${timeLimitSec ?? ""} ${more} ${priority ?? ""}`;
}

/**
 * The specs of a run that mean other jobs now than when it was submitted: the jobs that it has pending are
 * none of those that are wanted.
 */
export function changedSpecs(
  before: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
): string[] {
  return Object.keys(now).filter((spec) =>
    Object.hasOwn(before, spec) && canonical(before[spec]) !== canonical(now[spec])
  ).sort();
}

/** The same for values that differ only in the order of their keys, or in keys that are undefined. */
function canonical(value: unknown): string {
  return JSON.stringify(
    value,
    (_, each) =>
      each !== null && typeof each === "object" && !Array.isArray(each)
        ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => a < b ? -1 : 1))
        : each,
  ) ?? "";
}
