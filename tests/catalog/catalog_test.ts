import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { Catalog } from "../../lib/catalog/catalog.ts";
import { parseCondition } from "../../lib/catalog/conditions.ts";
import { ANY_ARTIFACT, findArtifacts } from "../../lib/catalog/find_artifacts.ts";
import { type ArtifactEntry, readEntries } from "../../lib/catalog/read_entries.ts";
import type { Files } from "../../lib/core/system/files.ts";
import { systemFiles } from "../../lib/core/system/system_files.ts";
import { type ArtifactPaths, indexDir } from "../../lib/store/layout.ts";
import { TidyRig } from "../tidy/rig.ts";

const COUNT = 20;
const LONG_AGO = new Date("2026-01-02T03:04:05.678Z");

/** A task of several results, written long ago. */
function sweep(rig: TidyRig): ArtifactPaths[] {
  const all = Array.from({ length: COUNT }, (_, lr) => rig.put("toy/Train", { lr, kind: "plain" }));
  rig.fail(rig.put("toy/Train", { lr: -1 }, { files: { "a.bin": "abc" } }), 2, "ffffffffffff");
  age(all);
  return all;
}

/** As if nothing had been changed since long ago. */
function age(all: readonly ArtifactPaths[]): void {
  for (const { record } of all) if (exists(record)) Deno.utimeSync(record, LONG_AGO, LONG_AGO);
  Deno.utimeSync(all[0]!.taskDir, LONG_AGO, LONG_AGO);
}

function exists(path: string): boolean {
  try {
    return Deno.statSync(path) !== undefined;
  } catch {
    return false;
  }
}

interface Look {
  entries: Partial<ArtifactEntry>[];
  /** The records that were read. */
  read: string[];
  /** The folders that were listed. */
  listed: string[];
}

/** What a list shows, and keeps, and what it took. */
async function look(
  rig: TidyRig,
  { cache, where, files = {} }: { cache?: string; where?: string; files?: Partial<Files> } = {},
): Promise<Look> {
  const [read, listed]: string[][] = [[], []];
  const { store } = rig.process({
    files: {
      readText: (path) => {
        if (/\/[0-9a-f]{32}\.json$/.test(path)) read!.push(path);
        return systemFiles.readText(path);
      },
      list: (path) => {
        listed!.push(path);
        return systemFiles.list(path);
      },
      ...files,
    },
  });
  const catalog = new Catalog(store, { cache, least: 10 });
  const found = await findArtifacts(store, ANY_ARTIFACT, catalog.list);
  const entries = await catalog.entries(found, {
    where: where === undefined ? undefined : parseCondition(where),
  });
  await catalog.keep();
  return { entries: shown(entries), read: read!, listed: listed! };
}

function shown(entries: readonly ArtifactEntry[]): Partial<ArtifactEntry>[] {
  return entries.map(({ record: _record, ...entry }) => JSON.parse(JSON.stringify(entry)));
}

/** What a list shows that reads everything. */
async function truth(rig: TidyRig): Promise<Partial<ArtifactEntry>[]> {
  const { store } = rig.process();
  return shown(await readEntries(store, await findArtifacts(store, ANY_ARTIFACT)));
}

/** As {@link look}; it must show what is there. */
async function trueLook(
  rig: TidyRig,
  options: { cache?: string; files?: Partial<Files> } = {},
): Promise<Look> {
  const answer = await look(rig, options);
  assertEquals(answer.entries, await truth(rig));
  return answer;
}

function indexFile(rig: TidyRig, kind: string): string {
  const dir = indexDir(rig.root);
  const [name] = [...Deno.readDirSync(dir)].map(({ name }) => name).filter((name) =>
    name.includes(`.${kind}.`)
  );
  return join(dir, name!);
}

describe("a catalog", () => {
  it("reads each record once, and lists no folder twice that is the same", async () => {
    await using rig = new TidyRig();
    const all = sweep(rig);
    const first = await trueLook(rig);
    assertEquals([first.read.length, first.listed.includes(all[0]!.taskDir)], [COUNT + 1, true]);
    const second = await trueLook(rig);
    // That of the last one was written just now: it may change once more within the same tick.
    assertEquals(second.read.length, 1);
    assertEquals(second.listed.includes(all[0]!.taskDir), false);
    assertEquals(rig.tree().filter((name) => /\.(tmp|trash)-/.test(name)), []);
  });

  it("reads nothing of what a condition leaves out", async () => {
    await using rig = new TidyRig();
    sweep(rig);
    await look(rig);
    const { entries, read } = await look(rig, { where: "lr=7" });
    assertEquals(entries.map(({ params }) => params), [{ lr: 7, kind: "plain" }]);
    // That one, and the one of which nothing is kept yet.
    assertEquals(read.length, 2);
  });

  it("sees what was removed, added, replaced, edited and torn since", async () => {
    await using rig = new TidyRig();
    const all = sweep(rig);
    await look(rig);
    Deno.removeSync(all[0]!.record);
    rig.put("toy/Train", { lr: 100, kind: "plain" });
    // Removed and computed again: the same size, and even the same time.
    Deno.removeSync(all[1]!.record);
    rig.put("toy/Train", { lr: 1, kind: "plain" }, { createdAt: "2026-11-11T00:00:00.000Z" });
    const text = Deno.readTextFileSync(all[2]!.record);
    Deno.writeTextFileSync(all[2]!.record, text.slice(0, -40));
    Deno.writeTextFileSync(all[3]!.record, text.replace("2026-01-01", "2026-01-03"));
    Deno.mkdirSync(all[4]!.home);
    const { entries } = await trueLook(rig);
    assertEquals(entries.filter(({ status }) => status === "DAMAGED").length, 1);
    assert(entries.some(({ at }) => at === "2026-01-03T00:00:00.000Z"));
    assert(entries.some(({ at }) => at === "2026-11-11T00:00:00.000Z"));
    await trueLook(rig);
  });

  it("keeps nothing of a record that may change within the tick of its clock", async () => {
    await using rig = new TidyRig();
    const all = sweep(rig);
    const now = new Date();
    Deno.utimeSync(all[5]!.record, now, now);
    await look(rig);
    const text = Deno.readTextFileSync(all[5]!.record);
    Deno.writeTextFileSync(all[5]!.record, text.replace("2026-01-01", "2026-01-09"));
    Deno.utimeSync(all[5]!.record, now, now);
    await trueLook(rig);
  });

  it("keeps no names of a folder that may change within the tick of its clock", async () => {
    await using rig = new TidyRig();
    const all = sweep(rig);
    const now = new Date();
    Deno.utimeSync(all[0]!.taskDir, now, now);
    await look(rig);
    Deno.removeSync(all[6]!.record);
    Deno.utimeSync(all[0]!.taskDir, now, now);
    assertEquals((await trueLook(rig)).entries.length, COUNT);
  });

  it("does without what is torn, of another version, of another task, or gone", async () => {
    await using rig = new TidyRig();
    const all = sweep(rig);
    for (const kind of ["names", "params", "rows", "values"]) {
      age(all);
      await look(rig);
      const file = indexFile(rig, kind);
      const text = Deno.readTextFileSync(file);
      const others = [
        text.slice(0, text.length / 2),
        text.replace('"version":2', '"version":1'),
        text.replaceAll("toy/Train", "toy/Other"),
        text.replace(/"hashes":"[0-9a-f]{32}/, '"hashes":"'),
        "\0".repeat(100),
      ];
      for (const other of others) {
        Deno.writeTextFileSync(file, other);
        assert(other !== text);
        await trueLook(rig);
      }
      Deno.removeSync(file);
      await trueLook(rig);
    }
  });

  it("keeps what it reads in a cache of one's own where the store cannot be written", async () => {
    await using rig = new TidyRig();
    const all = sweep(rig);
    const cache = join(rig.folder, "cache");
    const refused = (path: string): void => {
      if (path.startsWith(rig.root)) throw Object.assign(new Error("permission denied"), { code: "EACCES" });
    };
    const files: Partial<Files> = {
      write: async (path, data, options) => {
        refused(path);
        await systemFiles.write(path, data, options);
      },
      mkdir: async (path, options) => {
        refused(path);
        await systemFiles.mkdir(path, options);
      },
    };
    // Without a file of one's own nobody knows the file server's time: only what the folder is later than.
    Deno.utimeSync(all[0]!.taskDir, LONG_AGO, new Date(LONG_AGO.getTime() + 60_000));
    const tree = rig.tree();
    assertEquals((await trueLook(rig, { cache, files })).read.length, COUNT + 1);
    assertEquals(rig.tree(), tree);
    assertEquals((await trueLook(rig, { cache, files })).read.length, 1);
    // Who may write there keeps it for all, and then has no cache.
    age(all);
    await look(rig, { cache });
    assertEquals(
      [...Deno.readDirSync(join(cache, "index"))].flatMap(({ name }) => [
        ...Deno.readDirSync(join(cache, "index", name)),
      ]),
      [],
    );
    Deno.removeSync(cache, { recursive: true });
    assertEquals((await trueLook(rig, { files })).read.length, 1);
  });
});
