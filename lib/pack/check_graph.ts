import { FURU_URL } from "../core/packed.ts";
import { moduleBytes, type ModuleGraph } from "./module_graph.ts";

/** What is loaded by its URL alone, and would be missed last: in the middle of a run. */
const NEEDED = [
  "lib/cli/compute.ts",
  "lib/cli/job.ts",
  "lib/worker/child/child.ts",
  "lib/worker/child/compute_task.ts",
];

/** The modules whose business it is to import what a user names, or (`command.ts`) to write code that imports furu. */
const IMPORTS_ANYTHING =
  /\/lib\/(?:worker\/(?:child\/load_module|child\/compute_task|command)|cli\/(?:roots\/load_roots|packed\/packed_main))\.ts$/;

/**
 * What is wrong with the code of furu for a program in one file, in words: modules that a run will ask for and that are
 * not in the graph, imports and threads that no graph can see, folders of this machine in the text.
 *
 * @param graph Of furu's program; that all that is imported by name is there was seen when it was made.
 * @param folders Folders of this machine that no text may name.
 */
export async function graphProblems(graph: ModuleGraph, folders: readonly string[]): Promise<string[]> {
  const problems = NEEDED.filter((path) => !graph.modules.has(`${FURU_URL}${path}`))
    .map((path) => `${path} is not reached by what the program imports`);
  for (const module of graph.modules.values()) {
    const text = new TextDecoder().decode(await moduleBytes(module));
    const code = text.replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "");
    const isOwn = module.url.startsWith(FURU_URL) && !module.url.endsWith(".json");
    if (isOwn && !IMPORTS_ANYTHING.test(module.url) && /\bimport\(\s*[^"'\s]/.test(code)) {
      problems.push(`${module.url} imports something that is known only when it runs`);
    }
    // A thread from a file of its own is a program of its own: those of furu are data: URLs.
    if (isOwn && /new Worker\(\s*new URL\b/.test(code)) {
      problems.push(`${module.url} starts a thread from a file`);
    }
    for (const folder of folders) {
      if (text.includes(folder)) problems.push(`${module.url} names ${folder}, a folder of this machine`);
    }
  }
  return problems;
}
