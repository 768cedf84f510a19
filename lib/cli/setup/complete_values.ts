import { dirname } from "@std/path/posix/dirname";
import { resolve } from "@std/path/posix/resolve";
import type { Store } from "../../store/store.ts";

/** Something that a word may become. */
export interface Candidate {
  /** The whole word. */
  readonly value: string;
  /** What it is. */
  readonly note?: string;
}

/** What the values of options and arguments may be. */
export type ValueKind = "task" | "hash" | "run" | "module" | "file" | "folder";

const KINDS: readonly (readonly [RegExp, readonly ValueKind[]])[] = [
  [/MODULE|PIPELINE/, ["module"]],
  [/TASK|PATTERN/, ["task"]],
  [/HASH/, ["task", "hash"]],
  [/\bRUN\b/, ["run"]],
  [/\bDIR\b/, ["folder"]],
  [/FILE|PATH/, ["file"]],
];

/** What arguments are, by their names in the help: `MODULE[#export]|HASH`. */
export function kindsOf(written: string): Set<ValueKind> {
  return new Set(KINDS.flatMap(([pattern, kinds]) => pattern.test(written) ? kinds : []));
}

/** The words of a choice, by its form in the help: `tree|table`, `[pool|dag]`, `dfs|bfs|K`. */
export function choicesIn(written: string): string[] {
  return /^\[?[\w|]+\]?$/.test(written) && written.includes("|")
    ? written.replace(/[[\]]/g, "").split("|").filter((word) => /^[a-z]+$/.test(word))
    : [];
}

/** More hashes than these help nobody to choose. */
const MOST_HASHES = 200;
const SHORT_HASH = 8;

/** What there is of a kind, for a word that begins so. */
export async function valuesOf(
  kind: ValueKind,
  begun: string,
  { store, cwd }: { store: () => Promise<Store>; cwd: string },
): Promise<Candidate[]> {
  switch (kind) {
    case "task": {
      const { taskNamesOf } = await import("../../catalog/find_artifacts.ts");
      return (await taskNamesOf(await store())).map((value) => ({ value, note: "task" }));
    }
    case "hash": {
      const { ANY_ARTIFACT, findArtifacts } = await import("../../catalog/find_artifacts.ts");
      if (!/^[0-9a-f]*$/.test(begun)) return [];
      const found = await findArtifacts(await store(), { ...ANY_ARTIFACT, prefix: begun });
      return found.slice(0, MOST_HASHES).map(({ name, hash }) => ({
        value: hash.slice(0, Math.max(SHORT_HASH, begun.length)),
        note: name,
      }));
    }
    case "run": {
      const { runIds } = await import("../../status/run_ids.ts");
      const ids = (await runIds(await store())).map((value) => ({ value, note: "run" }));
      return [{ value: "last", note: "the latest run" }, ...ids];
    }
    case "module":
      return pathsOf(begun, cwd, (name) => /\.[cm]?[jt]sx?$/.test(name) && !name.endsWith(".d.ts"));
    case "file":
      return pathsOf(begun, cwd, () => true);
    case "folder":
      return pathsOf(begun, cwd, () => false);
  }
}

/** Folders, and the files that are wanted, in the folder that a begun path leads to. */
function pathsOf(begun: string, cwd: string, isWanted: (name: string) => boolean): Candidate[] {
  const folder = begun.includes("/") ? begun.slice(0, begun.lastIndexOf("/") + 1) : "";
  const names = [
    ...Deno.readDirSync(folder === "/" ? folder : resolve(cwd, dirname(`${homePath(folder)}x`))),
  ];
  const isHidden = begun.slice(folder.length).startsWith(".");
  return names.flatMap(({ name, isDirectory }) => {
    if (name.startsWith(".") && !isHidden || name === "node_modules") return [];
    if (isDirectory) return [{ value: `${folder}${name}/` }];
    return isWanted(name) ? [{ value: `${folder}${name}` }] : [];
  });
}

function homePath(path: string): string {
  return path.startsWith("~/") ? `${Deno.env.get("HOME") ?? "~"}${path.slice(1)}` : path;
}
