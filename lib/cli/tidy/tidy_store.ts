import { resolveConfig } from "../../core/config.ts";
import { FuruError } from "../../core/errors.ts";
import { systemRuntime } from "../../run/default_runtime.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { JobWatch } from "../../slurm/jobs/job_watch.ts";
import { jobHints } from "../../slurm/jobs/slurm_hints.ts";
import { RunLife } from "../../slurm/run/run_life.ts";
import { Ages } from "../../tidy/ages.ts";
import { readGraph, type StoreGraph } from "../../tidy/graph.ts";
import { findInUse, type InUse, type TidyContext } from "../../tidy/in_use.ts";
import type { Engine } from "../program/engine.ts";

/** A store that is tidied, and all that is known of it. */
export interface TidyStore {
  /** What readers of values need. */
  readonly runtime: Runtime;
  /** What all that removes works on. */
  readonly context: TidyContext;
  /** What is stored. */
  readonly graph: StoreGraph;
  /** What stays. */
  readonly inUse: InUse;
}

/**
 * The store as commands open it that change what is stored. Nothing is made.
 *
 * @throws {FuruError} If there is none.
 */
export async function tidyRuntime(engine: Engine): Promise<Runtime> {
  const root = await engine.root();
  const hints = jobHints(jobsOfProcess);
  const runtime = systemRuntime({ ...resolveConfig(), root }, {
    queuedHint: hints.queuedHint,
    // A command looks once: it waits for what Slurm says.
    claimHint: async (holder) => {
      if (holder.slurm) {
        const ref = { ...holder.slurm, submitter: holder.owner };
        await (await jobsOfProcess()).state(ref, { until: "sure" }).catch(() => {/* then it is not known */});
      }
      return await hints.claimHint(holder);
    },
  });
  if (await runtime.machine.files.exists(root)) return runtime;
  throw new FuruError(`Cannot find a store in ${root}: it is made by the first run (see --root, FURU_PATH)`);
}

/**
 * Opens a store, and reads all of it that matters.
 *
 * @param options `force`: pins, and runs that have not ended, keep nothing.
 * @throws {FuruError} If there is none, or it cannot be read.
 */
export async function openTidyStore(engine: Engine, options: { force?: boolean } = {}): Promise<TidyStore> {
  const runtime = await tidyRuntime(engine);
  const { store, queuedHint } = runtime;
  const ages = await Ages.of(store);
  const context: TidyContext = {
    store,
    ages,
    force: options.force,
    queuedHint,
    askLife: async (run, paths) => {
      const life = await new RunLife(runtime, {
        paths,
        run,
        jobs: await jobsOfProcess(),
        isForgotten: (mtimeMs, leaseSec) => ages.isForgotten(mtimeMs, leaseSec),
      }).look();
      return life.state === "silent" ? undefined : life.text;
    },
  };
  const graph = await readGraph(store);
  return { runtime, context, graph, inUse: await findInUse(context, graph) };
}

let ofProcess: Promise<JobWatch> | undefined;

/** Loaded when a job is met. */
function jobsOfProcess(): Promise<JobWatch> {
  return ofProcess ??= import("../../slurm/jobs/job_watch.ts").then(({ systemJobWatch }) => systemJobWatch());
}
