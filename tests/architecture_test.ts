import { assert, assertArrayIncludes, assertEquals, assertStringIncludes } from "@std/assert";
import { walk } from "@std/fs/walk";
import { fromFileUrl } from "@std/path/from-file-url";
import { dirname } from "@std/path/dirname";
import { join } from "@std/path/join";
import { relative } from "@std/path/relative";
import { toFileUrl } from "@std/path/to-file-url";
import { describe, it } from "@std/testing/bdd";

/**
 * The folders of lib/ by level: a file imports from lower levels, or from its own folder. A folder inside of another
 * one is a level of its own.
 */
const LEVELS: readonly string[][] = [
  ["core/settings"],
  ["core"],
  ["core/json", "core/system"],
  ["task/artifact", "store", "ui"],
  ["task/schema", "store/claims"],
  ["task", "store/results"],
  ["plan", "run/traces", "queue", "inputs", "notify"],
  ["run/output", "run/node", "schedule/start"],
  ["run"],
  ["run/partial"],
  ["run/get", "worker/protocol"],
  ["worker/child"],
  ["worker"],
  ["schedule", "snapshot"],
  ["local", "remote"],
  ["pool", "catalog"],
  ["migrate"],
  ["pool/fleet", "tidy", "explain"],
  ["pool/controller", "pool/worker"],
  ["slurm/client"],
  ["slurm/jobs"],
  ["slurm/run"],
  ["slurm/dag", "slurm/pool"],
  ["slurm/job"],
  ["slurm"],
  ["pack", "status"],
  ["compiled"],
  ["page"],
  ["doctor/machine"],
  ["doctor/site"],
  ["doctor"],
  ["cli/view"],
  ["cli/program"],
  ["cli/roots"],
  ["cli/tidy"],
  ["cli/takeout"],
  ["cli/migrate"],
  ["cli/explain"],
  ["cli/setup"],
  ["cli/page"],
  ["cli/doctor"],
  ["cli/commands"],
  ["cli"],
  ["cli/packed"],
  ["notebook"],
  ["testing"],
  ["api"],
];
const MAX_LINES = 400;
const MAX_LINES_OF_CLI = 40;
const MAX_FILES = 15;
/** A shorter file is a fragment of the one that uses it, unless so many import it. */
const MIN_LINES = 15;
const IMPORTERS_OF_SHORT = 3;
/** Folders that may hold more files, and why. */
const LARGE_FOLDERS: Readonly<Record<string, string>> = {};
/** Files that may be short though hardly any file imports them, and why. */
const SHORT_FILES: Readonly<Record<string, string>> = {};

interface SourceFile {
  /** Paths of the project's files that it imports, `import type`, re-exports and `import("...")` included. */
  imports: string[];
  /** Names that it declares and exports; what it only passes on is not among them. */
  exports: string[];
  lines: number;
}

type Sources = Record<string, SourceFile>;

const repository = fromFileUrl(new URL("..", import.meta.url));

/** Reads what the files import as Deno itself resolves it, so that neither comments nor aliases mislead. */
async function readSources(root: string, paths: string[]): Promise<Sources> {
  await using entry = await temporaryFile(
    paths.map((path) => `import ${JSON.stringify(toFileUrl(join(root, path)).href)};`).join("\n"),
  );
  const command = new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "--no-lock", "--config", join(repository, "deno.json"), entry.path],
    stderr: "inherit",
  });
  const { success, stdout } = await command.output();
  assert(success, "deno info failed");
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as { modules: InfoModule[] };
  const sources: Sources = {};
  for (const { specifier, dependencies = [], error } of modules) {
    if (!specifier.startsWith(toFileUrl(root).href)) continue;
    const path = relative(root, fromFileUrl(specifier));
    if (!paths.includes(path)) continue;
    assertEquals(error, undefined, `${path} cannot be read`);
    const text = await Deno.readTextFile(join(root, path));
    sources[path] = {
      lines: text.trimEnd().split("\n").length,
      exports: [...new Set([...text.matchAll(EXPORTED)].map(([, name]) => name as string))],
      imports: dependencies.flatMap(({ code, type }) => {
        const target = (code ?? type)?.specifier;
        // What is imported as data (the version in deno.json) is no part of the levels.
        return target?.startsWith("file:") && !target.endsWith(".json")
          ? [relative(root, fromFileUrl(target))]
          : [];
      }),
    };
  }
  return sources;
}

/** A declaration that is exported; overloads and a type beside a value of one name are one. */
const EXPORTED =
  /^export (?:default )?(?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|const|let|interface|type|enum) (\w+)/gm;

interface InfoModule {
  specifier: string;
  error?: string;
  dependencies?: { code?: { specifier?: string }; type?: { specifier?: string } }[];
}

async function temporaryFile(text: string): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempFile({ suffix: ".ts" });
  await Deno.writeTextFile(path, text);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path) };
}

/** Folder and level of a file of the project: mod.ts and cli.ts are above all folders of lib/. */
function place(path: string): { folder: string; level: number } | undefined {
  if (!path.includes("/")) return { folder: "", level: LEVELS.length };
  if (!path.startsWith("lib/")) return undefined;
  const folder = dirname(path).slice("lib/".length);
  const level = LEVELS.findIndex((folders) => folders.includes(folder));
  return level >= 0 ? { folder, level } : undefined;
}

/** All that is wrong with the files, in words. */
function violations(sources: Sources): string[] {
  return [
    ...sizeViolations(sources),
    ...folderViolations(sources),
    ...shortViolations(sources),
    ...nameViolations(sources),
    ...edgeViolations(sources),
    ...cycles(sources),
  ];
}

function sizeViolations(sources: Sources): string[] {
  return Object.entries(sources).flatMap(([path, { lines }]) => {
    const limit = path === "cli.ts" ? MAX_LINES_OF_CLI : MAX_LINES;
    return lines > limit ? [`${path} has ${lines} lines, ${limit} are allowed`] : [];
  });
}

function folderViolations(sources: Sources): string[] {
  const counts = new Map<string, number>();
  for (const path of Object.keys(sources)) {
    const folder = dirname(path);
    if (folder !== ".") counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  return [...counts].flatMap(([folder, count]) =>
    count > MAX_FILES && !(folder in LARGE_FOLDERS)
      ? [`${folder} has ${count} files, ${MAX_FILES} are allowed`]
      : []
  );
}

function shortViolations(sources: Sources): string[] {
  const importers = new Map<string, number>();
  for (const { imports } of Object.values(sources)) {
    for (const target of new Set(imports)) importers.set(target, (importers.get(target) ?? 0) + 1);
  }
  return Object.entries(sources).flatMap(([path, { lines }]) => {
    const count = importers.get(path) ?? 0;
    const isFine = lines >= MIN_LINES || count >= IMPORTERS_OF_SHORT || !path.startsWith("lib/");
    return isFine || path in SHORT_FILES
      ? []
      : [`${path} has ${lines} lines and ${count} importers: it belongs into the file that uses it`];
  });
}

function nameViolations(sources: Sources): string[] {
  const places = new Map<string, string[]>();
  for (const [path, { exports }] of Object.entries(sources)) {
    for (const name of exports) places.set(name, [...(places.get(name) ?? []), path]);
  }
  return [...places].flatMap(([name, paths]) =>
    paths.length > 1 ? [`${name} is exported by ${paths.join(" and ")}`] : []
  );
}

function edgeViolations(sources: Sources): string[] {
  return Object.entries(sources).flatMap(([path, { imports }]) => {
    const from = place(path);
    if (!from) return [`${path} is in none of the folders of lib/ that the map names`];
    return imports.filter((target) => !target.startsWith("links/")).flatMap((target) => {
      const to = place(target);
      if (!to) return [`${path} imports ${target}, which is no part of the library`];
      if (to.level < from.level || to.folder === from.folder) return [];
      const how = to.level === from.level ? "beside it" : "above it";
      return [`${path} (level ${from.level}) imports ${target} (level ${to.level}), ${how}`];
    });
  });
}

/** Import cycles between files, each written out once. */
function cycles(sources: Sources): string[] {
  const found: string[] = [];
  const finished = new Set<string>();
  const visit = (path: string, above: readonly string[]): void => {
    const start = above.indexOf(path);
    if (start >= 0) return void found.push(`cycle: ${[...above.slice(start), path].join(" -> ")}`);
    if (finished.has(path)) return;
    for (const target of sources[path]?.imports ?? []) visit(target, [...above, path]);
    finished.add(path);
  };
  for (const path of Object.keys(sources)) visit(path, []);
  return found;
}

const file = (...imports: string[]): SourceFile => ({ imports, exports: [], lines: 100 });

describe("the architecture", () => {
  it("lets imports go only to lower levels or within a folder, without cycles, in files and folders of a fair size", async () => {
    const paths: string[] = [];
    for await (const { path } of walk(join(repository, "lib"), { exts: [".ts"], includeDirs: false })) {
      paths.push(relative(repository, path));
    }
    for (const { name } of Deno.readDirSync(repository)) if (/^(mod|cli)\.ts$/.test(name)) paths.push(name);
    const sources = await readSources(repository, paths);
    assertEquals(Object.keys(sources).sort(), paths.sort());
    assertArrayIncludes(sources["lib/task/artifact/artifact.ts"]?.imports ?? [], ["lib/core/hash.ts"]);
    assertEquals(violations(sources), []);
  });

  it("has tests in one style, none of which waits for a fixed time", async () => {
    const found: string[] = [];
    for await (const { path } of walk(join(repository, "tests"), { match: [/_test\.ts$/] })) {
      if (/fixtures/.test(path)) continue;
      const text = await Deno.readTextFile(path);
      if (/\bDeno\.test\(/.test(text)) {
        found.push(`${relative(repository, path)} does not use describe and it`);
      }
      const [, pause] = /\bdelay\((\d[\d_]{3,})\)/.exec(text) ?? [];
      if (pause) found.push(`${relative(repository, path)} waits for ${pause} ms: wait for a condition`);
    }
    assertEquals(found, []);
  });

  it("is read with static imports, types, re-exports and dynamic imports, and without comments", async () => {
    const root = await Deno.realPath(await Deno.makeTempDir());
    try {
      const modules: Record<string, string> = {
        "a.ts": 'import { b } from "./b.ts";\nimport type { C } from "./c.ts";\nexport const a: C = b;\n',
        "b.ts": 'export * from "./d.ts";\nexport type { C } from "./c.ts";\nexport const b = 1;\n',
        "c.ts": 'export type C = number;\nexport const load = () => import("./d.ts");\n',
        "d.ts": '/** import { a } from "./a.ts"; */\nexport const d = `import "./b.ts"`;\n',
      };
      for (const [path, text] of Object.entries(modules)) await Deno.writeTextFile(join(root, path), text);
      assertEquals(await readSources(root, Object.keys(modules)), {
        "a.ts": { imports: ["b.ts", "c.ts"], exports: ["a"], lines: 3 },
        "b.ts": { imports: ["d.ts", "c.ts"], exports: ["b"], lines: 3 },
        "c.ts": { imports: ["d.ts"], exports: ["C", "load"], lines: 2 },
        "d.ts": { imports: [], exports: ["d"], lines: 2 },
      });
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  });
});

describe("violations()", () => {
  it("finds none where all imports go down", () => {
    const sources = {
      "mod.ts": file("lib/run/get/get.ts", "lib/core/errors.ts"),
      "cli.ts": { imports: ["lib/cli/main.ts"], exports: [], lines: 40 },
      "lib/cli/main.ts": file("lib/cli/commands/run.ts", "links/cli/parse_args.ts"),
      "lib/cli/commands/run.ts": file("lib/run/get/get.ts"),
      "lib/run/get/get.ts": file("lib/store/store.ts"),
      "lib/store/store.ts": file("lib/core/errors.ts"),
      "lib/core/errors.ts": file(),
    };
    assertEquals(violations(sources), []);
  });

  it("finds an import of a higher level", () => {
    const found = violations({
      "lib/core/hash.ts": file("lib/task/define.ts"),
      "lib/task/define.ts": file(),
    });
    assertEquals(found, [
      "lib/core/hash.ts (level 1) imports lib/task/define.ts (level 5), above it",
    ]);
  });

  it("finds an import of mod.ts from below", () => {
    assertEquals(violations({ "lib/cli/commands/run.ts": file("mod.ts") }).length, 1);
  });

  it("finds an import of another folder of the same level", () => {
    const [found] = violations({ "lib/store/store.ts": file("lib/ui/text.ts") });
    assertStringIncludes(found ?? "", "beside it");
  });

  it("finds an import of what is not published, and a file outside of the map", () => {
    assertEquals(violations({ "lib/core/hash.ts": file("tests/rig.ts") }).length, 1);
    assertEquals(violations({ "lib/misc/help.ts": file() }).length, 1);
    assertEquals(violations({ "lib/help.ts": file() }).length, 1);
  });

  it("finds a cycle between files of one folder, also a longer one, and of a file with itself", () => {
    const [a, b, c] = ["lib/core/a.ts", "lib/core/b.ts", "lib/core/c.ts"] as const;
    assertEquals(violations({ [a]: file(b), [b]: file(c), [c]: file(a) }), [
      `cycle: ${a} -> ${b} -> ${c} -> ${a}`,
    ]);
    assertEquals(violations({ [a]: file(b, c), [b]: file(c), [c]: file(b) }), [
      `cycle: ${b} -> ${c} -> ${b}`,
    ]);
    assertEquals(violations({ [a]: file(a) }), [`cycle: ${a} -> ${a}`]);
    assertEquals(violations({ [a]: file(b, c), [b]: file(c), [c]: file() }), []);
  });

  it("finds a file that is too long, with a smaller limit for cli.ts", () => {
    const long = {
      "lib/core/a.ts": { ...file(), lines: 401 },
      "cli.ts": { ...file(), lines: 41 },
    };
    assertEquals(violations(long), [
      "lib/core/a.ts has 401 lines, 400 are allowed",
      "cli.ts has 41 lines, 40 are allowed",
    ]);
  });

  it("finds a folder with too many files; those of folders inside of it are not counted", () => {
    const numbers = Array.from({ length: MAX_FILES }, (_, i) => i);
    const full = Object.fromEntries(numbers.map((i) => [`lib/core/a${i}.ts`, file()]));
    assertEquals(violations({ ...full, "lib/core/json/b.ts": file() }), []);
    assertEquals(violations({ ...full, "lib/core/b.ts": file() }), [
      "lib/core has 16 files, 15 are allowed",
    ]);
  });

  it("finds a file that is shorter than it should be, unless three others import it", () => {
    const short = { ...file(), lines: 14 };
    const users = ["b", "c", "d"].map((name) => [`lib/core/${name}.ts`, file("lib/core/a.ts")] as const);
    assertEquals(violations({ "lib/core/a.ts": short, ...Object.fromEntries(users) }), []);
    assertEquals(violations({ "lib/core/a.ts": short, ...Object.fromEntries(users.slice(1)) }), [
      "lib/core/a.ts has 14 lines and 2 importers: it belongs into the file that uses it",
    ]);
  });

  it("finds a name that two files export", () => {
    const both = { ...file(), exports: ["judge"] };
    assertEquals(violations({ "lib/core/a.ts": both, "lib/task/b.ts": both }), [
      "judge is exported by lib/core/a.ts and lib/task/b.ts",
    ]);
  });
});
