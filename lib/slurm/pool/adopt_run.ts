import { join } from "@std/path/posix/join";
import { errorText } from "../../core/errors.ts";
import type { Hash } from "../../core/hash.ts";
import { FURU_VERSION } from "../../core/version.ts";
import { codeFault } from "../../remote/code_fault.ts";
import { readEnded } from "../../pool/ended.ts";
import { type PoolRun, readPoolRun } from "../../remote/pool_run.ts";
import { type QueuePaths, queuePaths } from "../../queue/layout.ts";
import { readStop } from "../../queue/requests.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { SnapshotRef } from "../../snapshot/manifest.ts";
import type { Claim } from "../../store/claims/claim.ts";
import { listOrNothing } from "../../store/store.ts";
import type { SlurmJob } from "../../store/record.ts";
import { isSameStart } from "../../worker/run_start.ts";
import { waitForRole, type WaitForRoleOptions } from "./wait_for_role.ts";

/** What a new run would be, as far as an earlier one must agree with it. */
export interface AdoptOptions
  extends
    Pick<PoolRun, "entry" | "force" | "detached" | "nodes" | "start">,
    Pick<WaitForRoleOptions, "signal" | "onWait"> {
  /** The roots. */
  roots: readonly Hash[];
  /** Of which nodes something is stored that is invalid. @default none */
  invalid?: readonly Hash[];
  /** The snapshot of the code as it is now: workers of a run with another one would compute with that. */
  code?: SnapshotRef | "any";
  /** The Slurm job that this process runs in, if any. */
  slurm?: SlurmJob;
}

/** A run whose controller died, taken up. */
export interface AdoptedRun {
  /** The run. */
  run: PoolRun;
  /** Where everything of it is. */
  paths: QueuePaths;
  /** The role of its controller. */
  claim: Claim;
}

/** So many of the latest runs are looked at: one that is older has nothing in progress any more. */
const LATEST = 100;

/**
 * Takes up the newest run of a pool over the same roots that has not ended and that nobody controls, if there is one: its
 * workers may still be at work.
 */
export async function adoptRun(runtime: Runtime, options: AdoptOptions): Promise<AdoptedRun | undefined> {
  const { slurm, signal, onWait } = options;
  for await (const { run, paths } of adoptableRuns(runtime, options)) {
    const { runId } = run;
    try {
      const claim = await waitForRole(runtime, paths, {
        runId,
        ...(slurm === undefined ? {} : { slurm }),
        ...(signal === undefined ? {} : { signal }),
        ...(onWait === undefined ? {} : { onWait }),
      });
      if (typeof claim !== "string") return { run, paths, claim };
    } catch (error) {
      signal?.throwIfAborted();
      sayWhyNot(runtime, runId, error);
    }
  }
  return undefined;
}

/** The runs of a pool over the same roots that have not ended, the newest first; somebody may control them. */
export async function* adoptableRuns(
  runtime: Runtime,
  wanted: AdoptOptions,
): AsyncGenerator<Pick<AdoptedRun, "run" | "paths">> {
  const { store, machine } = runtime;
  const runs = (await listOrNothing(machine, join(store.root, "runs"))).filter(({ isDirectory }) =>
    isDirectory
  );
  // Their ids begin with the time.
  const names = runs.map(({ name }) => name).filter((name) => name.startsWith("slurm-")).sort().reverse();
  for (const runId of names.slice(0, LATEST)) {
    try {
      const paths = queuePaths(store.root, runId);
      if (await readEnded(store, paths)) continue;
      const run = await readIfPool(runtime, paths);
      if (!run || !agrees(run, wanted) || await readStop(store, paths)) continue;
      const { start, code } = wanted;
      if (start !== undefined && code !== "any" && !isSameStart(start, run.start)) {
        runtime.logger.info(
          `Run ${runId} over the same roots is not taken up as it was begun with other arguments or options of Deno`,
        );
        continue;
      }
      yield { run, paths };
    } catch (error) {
      sayWhyNot(runtime, runId, error);
    }
  }
}

/** A run that cannot be read is no reason not to begin another one. */
function sayWhyNot({ logger }: Runtime, runId: string, error: unknown): void {
  logger.debug(`Cannot look whether run ${runId} can be taken up: ${errorText(error)}`);
}

async function readIfPool(runtime: Runtime, paths: QueuePaths): Promise<PoolRun | undefined> {
  const text = await runtime.store.read(paths.record);
  if (text === undefined || JSON.parse(text).mode !== "pool") return undefined;
  return await readPoolRun(runtime, paths);
}

function agrees(run: PoolRun, wanted: AdoptOptions): boolean {
  const same = (a: readonly string[] | "ALL", b: readonly string[] | "ALL"): boolean =>
    a === "ALL" || b === "ALL" ? a === b : a.toSorted().join("\n") === b.toSorted().join("\n");
  const { roots, entry, force, detached, nodes, code, invalid = [] } = wanted;
  // Its workers would refuse to work for another version, and its queue has the specs and limits of then.
  return run.versions.furu === FURU_VERSION && run.entry === entry && same(run.roots, roots) &&
    (code === "any" || run.code?.id === code?.id) && same(run.force, force) &&
    same(run.nodes.map(needs), nodes.map(needs)) &&
    // They would take for a result what they were not told is none.
    new Set(invalid).isSubsetOf(new Set(run.invalid)) &&
    // Workers of a run that was not detached never become its controller.
    (run.detached || !detached) &&
    (code === "any" || codeFault(run) === undefined);
}

/** What workers have to know of an artifact, in a line. */
function needs({ hash, spec, timeLimitSec }: PoolRun["nodes"][number]): string {
  return `${hash} ${spec} ${timeLimitSec ?? ""}`;
}
