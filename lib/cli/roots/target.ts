import { UsageError } from "../../core/errors.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { collectRoots, loadModule, moduleRoots } from "./load_roots.ts";
import type { Io } from "../program/io.ts";
import type { Program } from "../program/program.ts";

/** The roots of a run, and where they come from. */
export interface Target {
  /** The artifacts wanted. */
  readonly roots: Artifact[];
  /** URL of the module that defines them: workers import it. */
  readonly entry: string;
}

/** The roots that a command is about: those of the module named, or the script's own. */
export async function loadTarget(program: Program, args: readonly string[], io: Io): Promise<Target> {
  if (program.script) {
    const { url, roots } = program.script;
    return { roots: await collectRoots(roots, `what ${program.name} gave to main()`), entry: url };
  }
  const [reference] = args;
  if (reference === undefined) {
    throw new UsageError("Cannot run as the module is missing: MODULE[#export] is needed");
  }
  const module = await loadModule(reference, io.cwd);
  return { roots: await moduleRoots(module), entry: module.url };
}

/** The arguments of a command that is about roots, for its declaration. */
export const targetArgs = {
  args: (program: Program): string => program.script ? "" : "MODULE[#export]",
  arity: (program: Program): { least: number; most: number } =>
    program.script ? { least: 0, most: 0 } : { least: 1, most: 1 },
};

/** The beginning of an example, before its flags: the module, where one is needed. */
export function exampleTarget(program: Program): string {
  return program.script ? "" : "pipeline.ts ";
}
