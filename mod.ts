/**
 * furu: cacheable, nested pipelines on one machine and on Slurm clusters. Define tasks, apply them to
 * parameters, and get each artifact computed once.
 *
 * @example
 * ```ts
 * import { defineTask, get, z } from "@furu/furu";
 *
 * const Numbers = defineTask({
 *   name: "docs/Numbers",
 *   params: z.object({ count: z.int() }),
 *   create: ({ params }) => Array.from({ length: params.count }, (_, i) => i),
 * });
 * const Sum = defineTask({
 *   name: "docs/Sum",
 *   params: z.object({ of: Numbers.schema }),
 *   create: async ({ params }) => (await get(params.of)).reduce((a, b) => a + b, 0),
 * });
 * const total = async () => await get(Sum({ of: Numbers({ count: 4 }) })); // 6
 * ```
 *
 * Schemas are those of {@link https://zod.dev zod}, which is exported as `z`: types as `z.infer` and
 * `z.ZodType` are its own. A tutorial, and pages on all that there is, are in `docs/`.
 *
 * @module
 */
import "./lib/api/require_deno.ts";
import "./lib/api/notebook.ts";
export { z } from "zod";
export { type ConfigOptions, configure, type ForcedTasks, type SlurmSettings } from "./lib/core/config.ts";
export { file, folder, type InputFunction } from "./lib/api/file.ts";
export type { FileInput, FolderInput, Input, InputFacts, InputType } from "./lib/core/json/input_file.ts";
export type {
  NotifyCommand,
  NotifyMoment,
  NotifyTarget,
  NotifyUrl,
} from "./lib/core/settings/notify_setting.ts";
export { digest } from "./lib/core/json/digest.ts";
export {
  ComputeError,
  ConfigError,
  ExecutionError,
  FuruError,
  type FuruErrorOptions,
  MissingArtifactError,
  PermanentError,
  ProtocolError,
  RunFailedError,
  SlurmError,
  SpecMismatchError,
  StoreError,
  TooLittleError,
  UsageError,
  ValidationError,
  WaitTimeoutError,
} from "./lib/core/errors.ts";
export type { EventSink, Failure, FailureKind, LimitUse, RunEvent, RunSummary } from "./lib/core/event.ts";
export type { LimitUnits, TaskLimits } from "./lib/core/settings/limits.ts";
export type { Shortage } from "./lib/core/attempt_end.ts";
export type { Hash } from "./lib/core/hash.ts";
export type {
  Artifact,
  CommandWord,
  CreateContext,
  RunProgram,
  RunProgramOptions,
  SpecAttempt,
  SpecOption,
  StoredContext,
  TaskLog,
  TaskUsage,
  Value,
} from "./lib/task/artifact/artifact.ts";
export { isArtifact } from "./lib/task/artifact/artifact.ts";
export type { Spread } from "./lib/task/artifact/spread.ts";
export type { SpecLadder, SpecNeeds, TooLittle } from "./lib/task/ladder.ts";
export type { TaskOptions } from "./lib/task/definition.ts";
export type { Migration, MigrationSource, OldParams } from "./lib/task/migration.ts";
export type { InputSchema } from "./lib/task/schema/input_schema.ts";
export type { ArtifactSchema, Task, TaskArguments } from "./lib/task/artifact/task.ts";
export { defineTask } from "./lib/task/define.ts";
export { grid, type GridPoint } from "./lib/task/grid.ts";
export { exists } from "./lib/run/get/exists.ts";
export { get } from "./lib/api/get.ts";
export type { GetOptions } from "./lib/run/get/get.ts";
export { settle } from "./lib/api/settle.ts";
export type { Settled } from "./lib/run/get/settle.ts";
export type { KeptResults, Plan, PlanCounts } from "./lib/plan/graph.ts";
export type { PlanNode } from "./lib/plan/node.ts";
export type { NodeState, NodeStatus, TodoReason } from "./lib/plan/node.ts";
export type { RootPriorities, Window } from "./lib/schedule/check_run.ts";
export type { PlanRootsOptions } from "./lib/local/plan_roots.ts";
export type { RunLocalOptions } from "./lib/local/run_local.ts";
export { plan } from "./lib/api/plan.ts";
export { runLocal } from "./lib/api/run_local.ts";
export { main, type Roots } from "./lib/api/main.ts";
export { resultTable as table } from "./lib/api/table.ts";
export type {
  AnyResultRow,
  DoneRow,
  OtherRow,
  ResultRow,
  ResultsOptions,
  ResultStatus,
} from "./lib/catalog/typed_table.ts";
export { runSlurm } from "./lib/api/run_slurm.ts";
export type {
  RunDagOptions,
  RunPoolOptions,
  RunSlurmOptions,
  SlurmOptions,
  SubmittedRun,
} from "./lib/slurm/run/run_slurm_options.ts";
export type { SlurmSpecs } from "./lib/slurm/run/check_specs.ts";
export type { GrowingNumber, SlurmSpec } from "./lib/slurm/client/spec.ts";
