import { dirname } from "@std/path/posix/dirname";
import { join } from "@std/path/posix/join";
import { relative } from "@std/path/posix/relative";
import { errorCode } from "../core/errors.ts";
import { isBelow } from "./project_files.ts";

/** A folder with more entries than these is no folder of code: linking each of them would hold up the run. */
const MOST_ENTRIES = 5000;

/** Options of {@link linkSiblings}. */
export interface Siblings {
  /** The folder that the snapshot stands for. */
  base: string;
  /** Folders of projects: what is above them is none of their business. */
  projects: ReadonlySet<string>;
  /** The files of the snapshot, as paths below the base. */
  names: readonly string[];
  /**
   * The most entries of a folder that are linked.
   *
   * @default {5000}
   */
  most?: number;
}

/**
 * Makes everything else of a project reachable from a snapshot: beside each file of the snapshot there is a
 * symbolic link to whatever stands beside it in the project, so that a module finds data next to it by
 * `import.meta.url`. What is there already stays.
 *
 * @param code The snapshot's folder that stands for the base.
 * @returns Folders of the project with too many entries.
 */
export function linkSiblings(
  code: string,
  { base, projects, names, most = MOST_ENTRIES }: Siblings,
): string[] {
  const folders = new Set<string>();
  for (const name of names) {
    for (let dir = dirname(join(base, name)); !folders.has(dir); dir = dirname(dir)) {
      if (![...projects].some((project) => isBelow(project, dir))) break;
      folders.add(dir);
    }
  }
  const crowded: string[] = [];
  for (const folder of folders) {
    const into = join(code, relative(base, folder));
    const there = new Set(namesIn(into));
    const all = namesIn(folder);
    if (all.length > most) crowded.push(folder);
    for (const name of all.slice(0, most)) {
      if (!there.has(name)) link(join(folder, name), join(into, name));
    }
  }
  return crowded;
}

function link(target: string, path: string): void {
  try {
    Deno.symlinkSync(target, path);
  } catch (error) {
    // Another run over the same code does the same at the moment.
    if (errorCode(error) !== "EEXIST") throw error;
  }
}

/** A folder that cannot be listed has nothing that could be read from it. */
function namesIn(dir: string): string[] {
  try {
    return Array.from(Deno.readDirSync(dir), ({ name }) => name);
  } catch {
    return [];
  }
}
