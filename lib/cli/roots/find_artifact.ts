import { furuErrorName, UsageError } from "../../core/errors.ts";
import { didYouMean } from "../../core/nearest.ts";
import type { Artifact, TaskDefinition } from "../../task/artifact/artifact.ts";
import type { Engine } from "../program/engine.ts";
import type { Io } from "../program/io.ts";
import { collectRoots, type LoadedModule, loadModule, moduleRoots, taskDefinition } from "./load_roots.ts";
import type { Program } from "../program/program.ts";

/** The part of a command's input that {@link findArtifact} needs. */
export interface FindArtifactInput {
  /** The arguments that are no flags: at most one. */
  readonly args: readonly string[];
  /** Parameters written as `key=value`. */
  readonly flags: { readonly set: readonly string[] };
  /** The folder that paths are relative to. */
  readonly io: Pick<Io, "cwd">;
  /** The program. */
  readonly program: Program;
  /** The rest of furu. */
  readonly engine: Engine;
}

/**
 * The one artifact that a command is about: a task with the parameters given, or an artifact that is there.
 *
 * @throws {UsageError} If it is not there, or not one.
 */
export async function findArtifact(input: FindArtifactInput): Promise<Artifact> {
  const { args: [reference], flags: { set }, program: { script }, engine } = input;
  if (script) {
    if (reference !== undefined) return await applyTask(engine, await registeredTask(engine, reference), set);
    return only(await collectRoots(script.roots, "the script's roots"), "the script's roots", set);
  }
  const module = await loadModule(reference ?? "", input.io.cwd);
  const task = await moduleTask(engine, module);
  if (task) return await applyTask(engine, task, set);
  return only(await moduleRoots(module), reference ?? "", set);
}

/** Parameters that don't fit come from the command line here: they are wrong use of it. */
async function applyTask(engine: Engine, task: TaskDefinition, set: readonly string[]): Promise<Artifact> {
  try {
    return await engine.setParams(task, set);
  } catch (cause) {
    if (furuErrorName(cause) !== "ValidationError") throw cause;
    throw new UsageError((cause as Error).message, { cause });
  }
}

/** The task that a module's reference means: its export of that name, or a task that is called so. */
async function moduleTask(engine: Engine, module: LoadedModule): Promise<TaskDefinition | undefined> {
  const { exportName = "default", exports } = module;
  if (Object.hasOwn(exports, exportName)) return taskDefinition(exports[exportName]);
  const name = await matchingTask(engine, exportName);
  return name === undefined ? undefined : await engine.findTask(name);
}

async function registeredTask(engine: Engine, word: string): Promise<TaskDefinition> {
  const name = await matchingTask(engine, word);
  const task = name === undefined ? undefined : await engine.findTask(name);
  if (task) return task;
  const names = await engine.taskNames();
  const known = names.length === 0 ? "; no task is defined" : `; defined are ${names.join(", ")}`;
  const candidates = [...names, ...names.map(lastWord)];
  throw new UsageError(`Cannot find task '${word}'${didYouMean(word, candidates)}${known}`);
}

/** The task of that name, or the only one whose last word it is: `Train` for `toy/Train`. */
async function matchingTask(engine: Engine, word: string): Promise<string | undefined> {
  const names = await engine.taskNames();
  if (names.includes(word)) return word;
  const matches = names.filter((name) => lastWord(name) === word);
  if (matches.length > 1) {
    throw new UsageError(`Cannot tell which task '${word}' is: ${matches.join(", ")} end so`);
  }
  return matches[0];
}

function lastWord(name: string): string {
  return name.slice(name.lastIndexOf("/") + 1);
}

function only(artifacts: readonly Artifact[], what: string, set: readonly string[]): Artifact {
  if (set.length > 0) {
    throw new UsageError(`Cannot use --set with ${what}: it is no task, its parameters are fixed`);
  }
  const [artifact] = artifacts;
  if (artifact !== undefined && artifacts.every(({ hash }) => hash === artifact.hash)) return artifact;
  const some = artifacts.slice(0, 3).map(String).join(", ");
  const rest = artifacts.length > 3 ? ", …" : "";
  throw new UsageError(
    `Cannot get ${what} as one artifact is needed: it is ${artifacts.length}${
      some === "" ? "" : ` (${some}${rest})`
    }`,
  );
}
