import type { z } from "zod";
import { ValidationError } from "../../core/errors.ts";
import { didYouMean, listNames } from "../../core/nearest.ts";
import { setOwn } from "../../core/json/tags.ts";
import type { Artifact } from "../artifact/artifact.ts";
import type { AnyTask, Task } from "../artifact/task.ts";
import { accepts, type Children, childrenOf, defOf, type Schema, unwrap } from "./schema_walk.ts";
import { assembled, partsOfText, valueOfText } from "./text_value.ts";
import { losesKeys } from "./unknown_keys.ts";

/**
 * The value set at a place: a text, or places below it, or (a JSON text and then what differs from it) both.
 */
interface Draft {
  text?: string;
  below: Map<string, Draft>;
}

/**
 * The artifact of a task whose parameters are given as texts, typed by its schema.
 *
 * Numbers, booleans, enums, literals, bigints and strings are written plainly, dates as in ISO 8601 (in UTC,
 * where there is no offset), bytes as `base64:...` or `hex:...`. Arrays, sets, objects and maps are written
 * as JSON, or part by part (`layers.0.size=10`). The parameters of an artifact inside are set likewise
 * (`data.size=10`); it is taken from the parameter's schema. Later ones win.
 *
 * @param assignments Each `path=value`.
 * @throws {ValidationError} If a text is not allowed: names the path, and the valid keys or what is allowed.
 */
export function setParams<S extends z.ZodObject, T>(
  task: Task<S, T>,
  assignments: readonly string[],
): Artifact<T, z.output<S>> {
  const draft: Draft = { below: new Map() };
  for (const assignment of assignments) addTo(draft, assignment);
  const apply = task as unknown as AnyTask;
  return apply(materialize(task.definition.params, draft, "")) as Artifact<T, z.output<S>>;
}

function addTo(root: Draft, assignment: string): void {
  const equals = assignment.indexOf("=");
  const keys = assignment.slice(0, Math.max(equals, 0)).split(".");
  if (keys.some((key) => key.trim() === "")) {
    throw new ValidationError(
      `Cannot set '${assignment}' as it must be '<path>=<value>', like 'lr=0.1' or 'data.size=10'`,
    );
  }
  let draft = root;
  for (const key of keys) {
    let next = draft.below.get(key.trim());
    if (!next) draft.below.set(key.trim(), next = { below: new Map() });
    draft = next;
  }
  draft.text = assignment.slice(equals + 1);
  draft.below.clear();
}

function materialize(wrapped: Schema, draft: Draft, path: string): unknown {
  if (draft.below.size === 0 && draft.text !== undefined) return valueOfText(wrapped, draft.text, path);
  const { schema } = unwrap(wrapped);
  const def = defOf(schema);
  if (def.type === "union") return ofUnion(def.options, draft, path);
  const children = childrenOf(schema);
  if (!children) {
    if (def.type === "any" || def.type === "unknown") {
      return parts(schema, { keys: [], of: () => schema }, draft, path);
    }
    throw new ValidationError(
      `Cannot set '${path}.${
        [...draft.below.keys()][0]
      }' as nothing is below '${path}', which is a ${def.type} (keys that have a '.' can be given as JSON)`,
    );
  }
  const value = parts(schema, children, draft, path);
  return children.task ? children.task(value) : assembled(schema, value, path);
}

/** The values set below a place, by key. */
function parts(schema: Schema, children: Children, draft: Draft, path: string): Record<string, unknown> {
  const value = draft.text === undefined ? {} : partsOfText(schema, children, draft.text, path);
  for (const [key, below] of draft.below) {
    const child = children.of(key);
    const childPath = path === "" ? key : `${path}.${key}`;
    if (!child) {
      throw new ValidationError(
        `Cannot set '${childPath}' as there is no such key${didYouMean(key, children.keys)} ` +
          `(valid keys${path === "" ? "" : ` of '${path}'`}: ${listNames(children.keys)})`,
      );
    }
    setOwn(value, key, materialize(child, below, childPath));
  }
  return value;
}

/** The first form that all that was set fits into. */
function ofUnion(options: readonly Schema[], draft: Draft, path: string): unknown {
  let firstError: ValidationError | undefined;
  let made: { value: unknown } | undefined;
  for (const option of options) {
    try {
      const value = materialize(option, draft, path);
      if (accepts(option, value) && !losesKeys(option, value)) return value;
      made ??= { value };
    } catch (error) {
      if (!(error instanceof ValidationError)) throw error;
      // A form that nothing can be below of tells less than one that has other keys.
      if (!firstError || childrenOf(unwrap(option).schema)) firstError = error;
    }
  }
  if (made) return made.value;
  throw firstError;
}
