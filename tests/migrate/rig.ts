import { z } from "zod";
import { furuGlobals } from "../../lib/core/globals.ts";
import { type AppliedMigration, applyMigrations } from "../../lib/migrate/apply_migration.ts";
import { planMigrations, type PlannedMigration } from "../../lib/migrate/plan_migrations.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import type { Artifact, CreateContext, StoredContext } from "../../lib/task/artifact/artifact.ts";
import { taskNames } from "../../lib/task/artifact/registry.ts";
import { defineTask } from "../../lib/task/define.ts";
import type { Migration } from "../../lib/task/migration.ts";

/** A task as a test defines it. */
export interface Defined {
  version?: string | number;
  params?: z.ZodObject;
  migrations?: Migration[];
  unhashed?: string[];
  legacy?: Record<string, unknown>;
  dependencies?: (params: never) => Artifact[];
  // deno-lint-ignore no-explicit-any -- whatever a test stores
  create?: (ctx: CreateContext<any>) => unknown;
  // deno-lint-ignore no-explicit-any -- whatever a test stores
  validate?: (ctx: StoredContext<any, any>) => boolean;
}

/** A task that refers to another one, or has whatever parameters. */
export interface AnyDefined {
  // deno-lint-ignore no-explicit-any -- whatever a test gives
  (params?: any): Artifact<any>;
  readonly schema: z.ZodType;
}

/** Defines a task, in place of the one that has the name by now: as a process with newer code sees it. */
export function define(name: string, options: Defined = {}): AnyDefined {
  furuGlobals().tasks.delete(name);
  return defineTask({
    name,
    params: z.object({ n: z.number() }),
    create: ({ params }: { params: unknown }) => params,
    ...options,
    // deno-lint-ignore no-explicit-any -- options of many kinds of tasks
  } as any) as unknown as AnyDefined;
}

/** Takes a task away: as a process sees it whose code has it no more. */
export function forget(name: string): void {
  furuGlobals().tasks.delete(name);
}

/** What migrations of all tasks that begin so would do. */
export async function planned(
  runtime: Runtime,
  prefix: string,
  roots: Artifact[] = [],
): Promise<PlannedMigration[]> {
  const names = taskNames().filter((name) => name.startsWith(prefix));
  const tasks = names.map((name) => furuGlobals().tasks.get(name) as Artifact["~value"]) as never;
  return await planMigrations(runtime.store, { tasks, others: names, roots });
}

/** Migrates, and tells how it ended, by the old hash. */
export async function migrate(
  runtime: Runtime,
  prefix: string,
  plans?: PlannedMigration[],
): Promise<Record<string, AppliedMigration>> {
  const how: Record<string, AppliedMigration> = {};
  await applyMigrations(runtime, plans ?? await planned(runtime, prefix), ({ from }, applied) => {
    how[from.hash] = applied;
  });
  return how;
}

/** `task(hash) status: why`, for comparing. */
export function short(each: PlannedMigration): string {
  const to = "artifact" in each && each.artifact ? ` ${each.artifact}` : "";
  return `${each.from.name}(${each.from.hash.slice(0, 8)}) ${each.status}${to}${
    "why" in each ? `: ${each.why}` : ""
  }`;
}
