import type { ForcedTasks } from "../core/config.ts";
import { aBoolean, aSignal, checkOptions, namesOfTasks, type OptionChecks } from "../core/options.ts";
import { makePlan, type Plan } from "../plan/graph.ts";
import { currentContext } from "../run/context.ts";
import { defaultRuntime } from "../run/default_runtime.ts";
import { forcedByUser } from "../plan/forced.ts";
import { storeStatus, type StoreStatusOptions } from "../schedule/status_source.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { aPriority, type RootPriorities, rootPriority, rootsOf } from "../schedule/check_run.ts";

/** Options of `plan`. */
export interface PlanRootsOptions {
  /**
   * Tasks that a run would be forced to compute again.
   *
   * @default {`alwaysRerun` of the configuration}
   */
  force?: ForcedTasks;
  /**
   * Whether what depends on the tasks of `force`, over however many steps, would be computed again, too.
   *
   * @default {false}
   */
  forceDependents?: boolean;
  /**
   * The priority of roots, as `priority` of a run.
   *
   * @default {what their tasks say, else 0}
   */
  priority?: RootPriorities;
  /** Ends the planning, which then throws the reason of the signal. */
  signal?: AbortSignal;
}

const OPTIONS: OptionChecks<PlanRootsOptions> = {
  force: namesOfTasks,
  forceDependents: aBoolean,
  priority: aPriority,
  signal: aSignal,
};

/**
 * Plans the roots as the users' `plan` does, without the schedulers that it can ask.
 *
 * @param isOver Is the job that is queued for an artifact known to have ended?
 * @default {never}
 * @throws As the users' `plan` does.
 */
export async function planRoots(
  roots: Artifact | Iterable<Artifact>,
  options: PlanRootsOptions = {},
  isOver: StoreStatusOptions["isOver"] = () => Promise.resolve(false),
): Promise<Plan> {
  checkOptions("plan", options, OPTIONS);
  const runtime = currentContext()?.runtime ?? defaultRuntime();
  // No record carries an empty run's id: everything that is forced is still to be done.
  const force = options.force ?? runtime.config.alwaysRerun;
  const all = [...rootsOf(roots)];
  const forced = forcedByUser(runtime.store, force, "", options.forceDependents ? all : undefined);
  const { signal } = options;
  const priority = rootPriority(options.priority, all);
  return await makePlan(all, storeStatus(runtime, { isOver }), { forced, signal, priority });
}
