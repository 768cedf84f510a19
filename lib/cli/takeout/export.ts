import { resolve } from "@std/path/posix/resolve";
import { join } from "@std/path/posix/join";
import { relative } from "@std/path/posix/relative";
import {
  dependenciesOf,
  type ExportManifest,
  exportResult,
  type ExportSource,
} from "../../catalog/export_result.ts";
import {
  findArtifacts,
  type FoundArtifact,
  LEAST_DIGITS,
  nothingOf,
  parsePattern,
  taskNamesOf,
} from "../../catalog/find_artifacts.ts";
import { type ArtifactEntry, readEntries } from "../../catalog/read_entries.ts";
import { parseCondition } from "../../catalog/conditions.ts";
import { errorCode, FuruError, UsageError } from "../../core/errors.ts";
import { artifactLabel, type Hash } from "../../core/hash.ts";
import { didYouMean } from "../../core/nearest.ts";
import type { Store } from "../../store/store.ts";
import { bytesText, oneLine, plural, truncate } from "../../ui/text.ts";
import { type CommandInput, defineCommand } from "../program/command.ts";
import { switchFlag } from "../program/flag.ts";
import { readableStore } from "../program/readable_store.ts";
import { findReference } from "../roots/find_reference.ts";
import { ofFlag, selectionFlags, statusAndTime } from "../roots/selection.ts";
import { valueText } from "../view/value_text.ts";

const { status, where, since } = selectionFlags;
const flags = {
  "with-dependencies": switchFlag("Also what it was computed from, below dependencies/", { short: "d" }),
  status,
  where,
  since,
};

/** So many artifacts without a result are named. */
const NAMED = 10;

/** `furu export`: results as plain files. */
export const exportCommand = defineCommand({
  args: () => "HASH|TASK... DIR",
  arity: () => ({ least: 2, most: 1000 }),
  description: [
    "Copies a result out of the store, for those who have no furu: value.json (as 'furu get' prints it; " +
    "paths as seen from there, large typed arrays as files), the files of its folder below files/, and " +
    "manifest.json: name, hash, parameters, provenance, and size and SHA-256 of each file. The manifest is " +
    "written last: a folder that has one is whole.",
    "DIR is made, or empty. Several hashes, or a task, get a folder each in it. What has no result yet is an " +
    "error: '--status done' leaves it out.",
    `HASH is a whole hash, its first digits (at least ${LEAST_DIGITS}), or an artifact as furu prints it.`,
  ],
  flags,
  examples: () => [
    ["4f0c12ab best-model", "one result"],
    ["4f0c12ab paper --with-dependencies", "with all that it was computed from"],
    ["houses/Train sweep --status done --where lr=0.1", "a folder for each of a sweep"],
  ],
  async run(input) {
    const { args, flags, globals, io } = input;
    const store = await readableStore(input.engine);
    const dir = resolve(io.cwd, args.at(-1)!);
    const { entries, isOne } = await chosen(store, input);
    const sources = withResults(entries);
    const below = flags["with-dependencies"] ? await allBelow(store, sources) : [];
    const placed = places(dir, sources, below, isOne);
    await prepare(dir);
    const pathOf = (from: string) => (_name: string, hash: string) => {
      const place = placed.get(hash);
      return place && (relative(from, place.dir) || ".");
    };
    const done: { manifest: ExportManifest; dir: string }[] = [];
    for (const { source, dir } of placed.values()) {
      const manifest = await exportResult(store, source, dir, { print: valueText, pathOf: pathOf(dir) });
      done.push({ manifest, dir });
      const { name, hash, files, leftOut = [] } = manifest;
      const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
      if (!globals.json && !globals.quiet) {
        const size = `${plural(files.length, "file")}, ${bytesText(bytes)}`;
        io.out(`${artifactLabel(name, hash)}  ${relative(io.cwd, dir) || "."}  ${size}\n`);
      }
      for (const path of leftOut) io.err(`${artifactLabel(name, hash)}: ${path} is no file, and left out\n`);
      for (const folder of source.record.uses ?? []) {
        io.err(
          `${artifactLabel(name, hash)}: its value names files of another result: ${store.root}/${folder}\n`,
        );
      }
    }
    if (globals.json) io.out(`${JSON.stringify(done.map(({ manifest, dir }) => ({ dir, ...manifest })))}\n`);
    return 0;
  },
});

/** What is to be exported, and whether it is one artifact, which gets no folder of its own. */
async function chosen(
  store: Store,
  input: CommandInput<typeof flags>,
): Promise<{ entries: ArtifactEntry[]; isOne: boolean }> {
  const { args, flags } = input;
  const words = args.slice(0, -1);
  const names = await taskNamesOf(store);
  const found: FoundArtifact[] = [];
  let isOne = words.length === 1;
  for (const word of words) {
    const pattern = parsePattern(word, names);
    if (pattern.prefix !== "") {
      found.push(await findReference({ ...input, args: [word] }));
      continue;
    }
    isOne = false;
    const some = await findArtifacts(store, pattern);
    if (some.length === 0) {
      throw new FuruError(`Cannot find anything of '${word}' in ${store.root}${didYouMean(word, names)}`);
    }
    found.push(...some);
  }
  const once = [...new Map(found.map((each) => [each.hash, each])).values()];
  const conditions = ofFlag("where", () => flags.where.map(parseCondition));
  const isWanted = statusAndTime(flags);
  const entries = (await readEntries(store, once)).filter((entry) =>
    isWanted(entry) && conditions.every((condition) => condition(entry))
  );
  if (entries.length === 0) {
    throw new FuruError(`Cannot export anything: nothing of that is in ${store.root}`);
  }
  return { entries, isOne };
}

/** @throws {FuruError} If some have no result: says what to do about each. */
function withResults(entries: readonly ArtifactEntry[]): ExportSource[] {
  const without = entries.filter(({ record }) => record === undefined);
  if (without.length === 0) {
    return entries.map(({ name, hash, record }) => ({ name, hash: hash as Hash, record: record! }));
  }
  const [first] = without;
  if (entries.length === 1 && first) {
    throw new FuruError(`Cannot export ${artifactLabel(first.name, first.hash)}, which ${whyNot(first)}`);
  }
  const lines = without.slice(0, NAMED).map((entry) =>
    `  ${artifactLabel(entry.name, entry.hash)} ${whyNot(entry)}`
  );
  if (without.length > NAMED) lines.push(`  … and ${without.length - NAMED} more`);
  const some = without.length < entries.length ? "\nWith --status done the others are exported" : "";
  throw new FuruError(
    `Cannot export ${without.length} of ${plural(entries.length, "artifact")}, as there is no result:\n` +
      lines.join("\n") + some,
  );
}

function whyNot({ status, at, host, error = "", hash }: ArtifactEntry): string {
  switch (status) {
    case "IN_PROGRESS":
      return `is being computed${
        host === undefined ? "" : ` on ${host}`
      } since ${at}: export it when it is done`;
    case "FAILED":
      return `failed (${truncate(oneLine(error), 80)}): run it again; 'furu show ${
        hash.slice(0, 8)
      }' tells more`;
    case "DAMAGED":
      return `is damaged (${truncate(oneLine(error), 120)}): compute it again`;
    default:
      return "was not computed: run it first";
  }
}

/** All that results depend on, directly or not. */
async function allBelow(store: Store, sources: readonly ExportSource[]): Promise<ExportSource[]> {
  const met = new Set(sources.map(({ hash }) => hash));
  const all: ExportSource[] = [];
  for (let open = [...sources]; open.length > 0;) {
    const next = [...new Map(open.flatMap(dependenciesOf).map((each) => [each.hash, each])).values()]
      .filter(({ hash }) => !met.has(hash));
    for (const { hash } of next) met.add(hash);
    const found = next.map(({ name, hash }) => {
      const all = { hasRecord: true, hasHome: true, hasClaim: true };
      return { ...nothingOf(store.root, name, hash), ...all };
    });
    const entries = await readEntries(store, found);
    const gone = next.filter(({ hash }) => !entries.some((entry) => entry.hash === hash))
      .map(({ name, hash }): ArtifactEntry => ({ name, hash, status: "TODO" }));
    open = withResults([...entries, ...gone]);
    all.push(...open);
  }
  return all;
}

/** The folder of each, by hash: `Train-4f0c12ab`, or with the whole hash where two would be called so. */
function places(
  dir: string,
  sources: readonly ExportSource[],
  below: readonly ExportSource[],
  isOne: boolean,
): Map<string, { source: ExportSource; dir: string }> {
  const nameOf = ({ name, hash }: ExportSource, digits: number): string =>
    `${name.slice(name.lastIndexOf("/") + 1)}-${hash.slice(0, digits)}`;
  const named = (all: readonly ExportSource[], at: string) => {
    const counts = Map.groupBy(all, (source) => nameOf(source, 8));
    return all.map((source) => {
      const name = nameOf(source, counts.get(nameOf(source, 8))!.length > 1 ? 32 : 8);
      return [source.hash, { source, dir: join(at, name) }] as const;
    });
  };
  const [one] = sources;
  return new Map([
    ...(isOne && one ? [[one.hash, { source: one, dir }] as const] : named(sources, dir)),
    ...named(below, join(dir, "dependencies")),
  ]);
}

/** @throws {UsageError} If there is something in the folder. */
async function prepare(dir: string): Promise<void> {
  try {
    for await (const _ of Deno.readDir(dir)) {
      throw new UsageError(
        `Cannot export into ${dir} as it is not empty: name a new folder, or an empty one`,
      );
    }
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return;
    if (cause instanceof UsageError) throw cause;
    throw new FuruError(`Cannot export into ${dir}: ${(cause as Error).message}`, { cause });
  }
}
