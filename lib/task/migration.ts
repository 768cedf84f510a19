import { ValidationError } from "../core/errors.ts";
import { checkName } from "../core/names.ts";
import { didYouMean, listNames } from "../core/nearest.ts";
import type { TaskMigration } from "./artifact/artifact.ts";

/** Which stored results a {@link Migration} is for. */
export interface MigrationSource {
  /**
   * The name that the task had.
   *
   * @default {the name that it has today}
   */
  readonly name?: string;
  /**
   * The version that it had. It is told apart from today's by its text: `1` and `"1"` are the same.
   *
   * @default {none: results of the task without a version}
   */
  readonly version?: string | number;
}

/**
 * Parameters as they were stored: dates, maps and the like as they were, artifacts as
 * `{ $artifact: [name, hash] }`. Those that did not count for the identity are not there.
 */
// deno-lint-ignore no-explicit-any -- what was stored by older code has no type in today's
export type OldParams = Record<string, any>;

/**
 * How results of a task as it was once become those of the task as it is today.
 *
 * @typeParam I The parameters as today's task is called with them.
 *
 * @example A task that was renamed, and has one of its parameters elsewhere
 * ```ts
 * import { defineTask, z } from "@furu/furu";
 *
 * const Fit = defineTask({
 *   name: "docs/Fit",
 *   version: 2,
 *   params: z.object({ optimizer: z.object({ lr: z.number() }), seed: z.int() }),
 *   migrations: [
 *     // Results of version 1 are still good, but for those of a seed that was broken.
 *     {
 *       from: { version: 1 },
 *       params: ({ lr, seed }) => seed === 0 ? undefined : { optimizer: { lr }, seed },
 *     },
 *     // It was called so before, with the parameters that it has today.
 *     { from: { name: "docs/Train", version: 2 } },
 *   ],
 *   create: ({ params }) => 1 / params.optimizer.lr,
 * });
 * console.assert(Fit.definition.migrations?.length === 2);
 * ```
 */
export interface Migration<I = unknown> {
  /** Which stored results it is for. */
  readonly from: MigrationSource;
  /**
   * Gives the parameters that today's task is called with for the same result, from the old ones; `undefined`
   * for a result that is not migrated. It has to be pure. What it gives is checked by today's schema. An
   * artifact is returned as it was given, and stands for what it was migrated to, if it was. A parameter that
   * is left out has its `legacy` value, if there is one, else its default.
   *
   * @default {the same parameters, which today's schema has to leave as they are}
   */
  readonly params?: (old: OldParams) => I | undefined;
}

const FIELDS: Record<keyof Migration, true> = { from: true, params: true };
const SOURCE_FIELDS: Record<keyof MigrationSource, true> = { name: true, version: true };

/**
 * The migrations of a task as it was defined, frozen.
 *
 * @param task The task's name.
 * @throws {ValidationError} If one is not allowed: says which and why.
 */
export function checkMigrations(task: string, migrations: unknown): readonly TaskMigration[] {
  const fail = (reason: string): never => {
    throw new ValidationError(`Cannot define task '${task}' as ${reason}`);
  };
  if (!Array.isArray(migrations)) {
    fail(
      `its 'migrations' must be an array of { from, params }: current value is ${
        Deno.inspect(migrations, { depth: 1 })
      }`,
    );
  }
  return Object.freeze((migrations as unknown[]).map((each, i) => {
    const what = `its 'migrations[${i}]`;
    const migration = fieldsOf(each, what, FIELDS, fail);
    const from = fieldsOf(migration.from, `${what}.from`, SOURCE_FIELDS, fail);
    const { name = task, version } = from;
    checkName(`name in 'migrations[${i}].from' of task '${task}'`, name);
    if (version !== undefined && typeof version !== "string" && !Number.isFinite(version)) {
      fail(`${what}.from.version' must be a string or a finite number: it is ${Deno.inspect(version)}`);
    }
    if (migration.params !== undefined && typeof migration.params !== "function") {
      fail(
        `${what}.params' must be a function of the old parameters: it is ${
          Deno.inspect(migration.params, { depth: 1 })
        }`,
      );
    }
    return Object.freeze({
      from: Object.freeze({
        name,
        ...(version === undefined ? {} : { version: version as string | number }),
      }),
      ...(migration.params === undefined
        ? {}
        : { params: migration.params as NonNullable<TaskMigration["params"]> }),
    });
  }));
}

function fieldsOf<F>(
  value: unknown,
  what: string,
  fields: Record<keyof F & string, true>,
  fail: (reason: string) => never,
): Partial<Record<keyof F, unknown>> {
  const known = Object.keys(fields);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    fail(`${what}' must be an object with ${listNames(known)}: it is ${Deno.inspect(value, { depth: 1 })}`);
  }
  for (const key of Object.keys(value as object)) {
    if (known.includes(key)) continue;
    fail(`${what}' has no field '${key}'${didYouMean(key, known)} (valid fields: ${listNames(known)})`);
  }
  return value as Partial<Record<keyof F, unknown>>;
}
