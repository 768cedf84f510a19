import { dirname } from "@std/path/posix/dirname";
import { fromFileUrl } from "@std/path/posix/from-file-url";
import { z } from "zod";
import { environmentVariable } from "../core/environment.ts";
import { ValidationError } from "../core/errors.ts";
import { aBoolean, checkOptions } from "../core/options.ts";
import { ARTIFACT, type Artifact, isArtifact } from "../task/artifact/artifact.ts";
import { withAllBelow } from "../task/artifact/reference.ts";
import { plural } from "../ui/text.ts";
import { compareGolden, type GoldenEntry } from "./golden_entries.ts";

/**
 * What {@link goldenIdentities} looks at: artifacts, arrays of them, a function that returns either, or a
 * module of them (`import * as pipeline`), of which the default export and all exports are taken that are
 * artifacts or arrays.
 */
export type GoldenArtifacts =
  | Artifact
  | readonly GoldenArtifacts[]
  | (() => GoldenArtifacts | Promise<GoldenArtifacts>)
  | { readonly [name: string]: unknown };

/** Options of {@link goldenIdentities}. */
export interface GoldenOptions {
  /**
   * Whether the file is written anew instead of compared.
   *
   * @default {whether UPDATE_GOLDEN is set to 1}
   */
  update?: boolean;
}

const goldenFile = z.object({
  artifacts: z.array(z.object({
    name: z.string(),
    hash: z.string(),
    identity: z.record(z.string(), z.unknown()),
  })),
});

const MOST_LINES = 20;

/**
 * Proves that a change of code keeps the hashes under which results are stored: compares names, hashes and
 * identities of artifacts, and of all that they depend on, with a file that is kept with the code. Nothing is
 * computed. A file that is not there is written, unless the environment has `CI`; so is one with
 * `UPDATE_GOLDEN=1`.
 *
 * @param file Path of the JSON file, or its URL.
 * @param artifacts The artifacts, or the module that has them.
 * @param options Options of this call.
 * @returns What was done.
 * @throws {ValidationError} If a hash has changed, an artifact is new or is not made any more: names each
 * artifact and its fields that changed. If there is no file, or it is none.
 *
 * @example
 * ```ts
 * import { defineTask, z } from "@furu/furu";
 * import { goldenIdentities } from "@furu/furu/testing";
 *
 * const Train = defineTask({
 *   name: "docs/GoldenTrain",
 *   params: z.object({ lr: z.number() }),
 *   create: ({ params }) => 1 / params.lr,
 * });
 * // As in: Deno.test("stored results stay good", keepsResults);
 * const keepsResults = async () => {
 *   const file = new URL("golden.json", import.meta.url);
 *   await goldenIdentities(file, [1e-3, 1e-2].map((lr) => Train({ lr })));
 * };
 * ```
 */
export async function goldenIdentities(
  file: string | URL,
  artifacts: GoldenArtifacts,
  options: GoldenOptions = {},
): Promise<"same" | "written"> {
  checkOptions("goldenIdentities", options, { update: aBoolean });
  const path = file instanceof URL || file.startsWith("file:") ? fromFileUrl(file) : file;
  const is = entriesOf(await collectGolden(artifacts, "what was given"));
  const text = await readOrNothing(path);
  const update = options.update ?? environmentVariable("UPDATE_GOLDEN") === "1";
  if (update || text === undefined) {
    if (!update && environmentVariable("CI")) {
      throw new ValidationError(
        `Cannot compare identities with ${path}: there is no such file; write it with UPDATE_GOLDEN=1 and ` +
          `commit it`,
      );
    }
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.writeTextFile(path, `${JSON.stringify({ artifacts: is }, undefined, 2)}\n`);
    return "written";
  }
  const { lines, dependents } = compareGolden(parseGolden(path, text), is);
  if (lines.length + dependents === 0) return "same";
  throw new ValidationError(changesText(path, lines, dependents));
}

function changesText(path: string, lines: readonly string[], dependents: number): string {
  const rest = lines.length - MOST_LINES;
  return [
    `Artifacts are not those of ${path}, so that results which are stored no longer count:`,
    ...lines.slice(0, MOST_LINES).map((line) => `  ${line}`),
    ...(rest > 0 ? [`  and ${rest} more`] : []),
    ...(dependents > 0 ? [`  and ${plural(dependents, "artifact")} that depend on these`] : []),
    "Keep the identity ('legacy' for a new parameter), give the task 'migrations', or, where that is meant, " +
    "write the file anew with UPDATE_GOLDEN=1",
  ].join("\n");
}

function entriesOf(artifacts: readonly Artifact[]): GoldenEntry[] {
  return [...withAllBelow(artifacts)].map((each) => ({
    name: each.name,
    hash: each.hash,
    identity: JSON.parse(each[ARTIFACT].identity),
  }));
}

function parseGolden(path: string, text: string): GoldenEntry[] {
  try {
    return goldenFile.parse(JSON.parse(text)).artifacts;
  } catch (cause) {
    throw new ValidationError(
      `Cannot read ${path}: it is no file of golden identities; write it anew with UPDATE_GOLDEN=1`,
      { cause },
    );
  }
}

async function collectGolden(value: unknown, what: string): Promise<Artifact[]> {
  if (isArtifact(value)) return [value];
  if (Array.isArray(value)) {
    return (await Promise.all(value.map((each, i) => collectGolden(each, `${what}[${i}]`)))).flat();
  }
  if (typeof value === "function" && !("definition" in value)) {
    return await collectGolden(await value(), what);
  }
  if (typeof value === "object" && value !== null) return await ofModule(value, what);
  throw new ValidationError(
    `Cannot take identities of ${what} as artifacts are needed, arrays or a module of them, or a function ` +
      `that returns such: it is ${Deno.inspect(value, { depth: 1 })}`,
  );
}

async function ofModule(module: object, what: string): Promise<Artifact[]> {
  const found = await Promise.all(
    Object.entries(module).map(async ([name, value]) => {
      const isMeant = name === "default"
        ? !(typeof value === "function" && "definition" in value)
        : isArtifact(value) || Array.isArray(value) && value.length > 0 && value.flat(9).every(isArtifact);
      return isMeant ? await collectGolden(value, name) : [];
    }),
  );
  if (found.flat().length > 0) return found.flat();
  throw new ValidationError(
    `Cannot take identities of ${what} as it has no artifacts: it has ${
      Object.keys(module).join(", ") || "nothing"
    }`,
  );
}

async function readOrNothing(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
