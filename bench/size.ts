/**
 * Counts how large and how scattered the library is, so that a change can be judged by figures:
 *
 * ```sh
 * deno task size [FOLDER OF ANOTHER CHECKOUT]
 * ```
 *
 * Where nothing else is said, comments and empty lines count as lines. The walk is the list of files in ARCHITECTURE.md through
 * which a task file goes from todo to done in a pool.
 *
 * @module
 */
import { walk } from "@std/fs/walk";
import { join } from "@std/path/join";
import { fromFileUrl } from "@std/path/from-file-url";
import { relative } from "@std/path/relative";
import { markdownTable } from "./table.ts";

interface Source {
  readonly path: string;
  readonly text: string;
}

const root = Deno.args[0] ?? fromFileUrl(new URL("..", import.meta.url));
const sources = await read(join(root, "lib"));
const tests = await read(join(root, "tests"));

const areas = [...new Set(sources.map(({ path }) => path.split("/")[1] as string))].sort();
console.log(markdownTable(["area", "files", "lines", "classes", "largest folder"], [
  ...areas.map((area) => row(area, sources.filter(({ path }) => path.startsWith(`lib/${area}/`)))),
  row("**lib**", sources),
]));
const upper = sources.filter(({ path }) => /^lib\/(pool|slurm)\//.test(path));
const lengths = sources.map(({ text }) => lines(text)).sort((a, b) => a - b);
const facts: Record<string, number | string> = {
  "files of lib": sources.length,
  "lines of lib": sum(lengths),
  "lines of code: no comments, none empty": sum(sources.map(({ text }) => codeLines(text))),
  "median lines of a file": lengths[Math.floor(lengths.length / 2)] as number,
  "longest file": lengths.at(-1) as number,
  "files in the largest folder": Math.max(...folders(sources).values()),
  "files below 15 lines": lengths.filter((count) => count < 15).length,
  "files that one other file imports": importedOnce(),
  "classes in pool and slurm": classes(upper),
  "names exported by two files": doubled(),
  "option bags (Options, Context, State, Init, Parts)": matches(
    /^export (?:interface|type) \w*(?:Options|Context|State|Init|Parts|Tools|Io)\b/gm,
  ),
  "spreads for what may be undefined": matches(/\.\.\.\(\w[\w.]* === undefined \? \{\} :/g),
  "inline doc tags": matches(/^\s*(?:\/\*\*|\*)(?=.*\S)(?!\s*@).*\s@(?:default|param|returns|throws)\b/gm),
  "files on the walk of a task file": await walkFiles(),
  "files of tests": tests.length,
  "lines of tests": sum(tests.map(({ text }) => lines(text))),
};
console.log();
console.log(
  markdownTable(["count", "value"], Object.entries(facts).map(([name, value]) => [name, `${value}`])),
);

async function read(folder: string): Promise<Source[]> {
  const found: Source[] = [];
  for await (const { path } of walk(folder, { exts: [".ts"], includeDirs: false })) {
    found.push({ path: relative(root, path), text: await Deno.readTextFile(path) });
  }
  return found;
}

function row(name: string, of: readonly Source[]): string[] {
  const [folder, count] = [...folders(of)].sort(([, a], [, b]) => b - a)[0] as [string, number];
  return [
    name,
    `${of.length}`,
    `${sum(of.map(({ text }) => lines(text)))}`,
    `${classes(of)}`,
    `${folder} (${count})`,
  ];
}

function folders(of: readonly Source[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { path } of of) {
    const folder = path.slice("lib/".length, path.lastIndexOf("/"));
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return counts;
}

function classes(of: readonly Source[]): number {
  return sum(of.map(({ text }) => text.match(/^(?:export )?(?:abstract )?class /gm)?.length ?? 0));
}

function matches(pattern: RegExp): number {
  return sum(sources.map(({ text }) => text.match(pattern)?.length ?? 0));
}

/** How many files exactly one other file of the library imports. */
function importedOnce(): number {
  const importers = new Map<string, Set<string>>();
  for (const { path, text } of sources) {
    for (const [, specifier] of text.matchAll(/"(\.{1,2}\/[^"]+\.ts)"/g)) {
      const target = relative(root, join(root, path, "..", specifier as string));
      importers.set(target, (importers.get(target) ?? new Set()).add(path));
    }
  }
  return [...importers.values()].filter(({ size }) => size === 1).length;
}

/** How many top-level names two files export; what a file only passes on is not counted. */
function doubled(): number {
  const seen = new Map<string, number>();
  const pattern =
    /^export (?:declare )?(?:default )?(?:async )?(?:abstract )?(?:function\*?|class|const|let|interface|type|enum) (\w+)/gm;
  for (const { text } of sources) {
    for (const name of new Set([...text.matchAll(pattern)].map(([, name]) => name as string))) {
      seen.set(name, (seen.get(name) ?? 0) + 1);
    }
  }
  return [...seen.values()].filter((count) => count > 1).length;
}

/** How many files ARCHITECTURE.md lists for the walk. */
async function walkFiles(): Promise<number | string> {
  let text: string;
  try {
    text = await Deno.readTextFile(join(root, "ARCHITECTURE.md"));
  } catch {
    return "not written down";
  }
  const [, section = ""] = text.split("### The walk of a task file");
  const paths = section.split("\n#")[0]?.match(/lib\/[\w/]+\.ts/g) ?? [];
  return new Set(paths).size;
}

function lines(text: string): number {
  return text.trimEnd().split("\n").length;
}

function codeLines(text: string): number {
  const code = text.replaceAll(/^ *\/\*[\s\S]*?\*\/$/gm, "");
  return code.split("\n").filter((line) => !/^\s*(?:\/\/.*)?$/.test(line)).length;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
