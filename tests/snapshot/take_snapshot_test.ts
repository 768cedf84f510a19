import { assert, assertEquals, assertNotEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { toFileUrl } from "@std/path/to-file-url";
import { describe, it } from "@std/testing/bdd";
import { readManifest } from "../../lib/snapshot/manifest.ts";
import { snapshotPaths, snapshotUrl } from "../../lib/snapshot/places.ts";
import { systemMachine } from "../../lib/core/system/system_machine.ts";
import { takeSnapshot } from "../../lib/snapshot/take_snapshot.ts";
import { Store } from "../../lib/store/store.ts";
import { exists, textOf } from "../rig.ts";
import { Project, projectConfig } from "./rig.ts";

const A = `import { b } from "mine/b.ts";
import c from "./c.json" with { type: "json" };
const { d } = await import("./d.ts");
console.log(b, c.c, d, Deno.readTextFileSync(new URL("./data/x.csv", import.meta.url)));`;

function usual(project: Project): void {
  project.write({
    "src/a.ts": A,
    "src/b.ts": "export const b: number = 1;",
    "src/c.json": '{ "c": 2 }',
    "src/d.ts": "export const d = 3;",
    "src/data/x.csv": "4",
    "src/unused.ts": "export {};",
    "deno.json": projectConfig({ imports: { "mine/": "./src/" } }),
  });
}

describe("takeSnapshot()", () => {
  it("keeps what a module imports, JSON and dynamic imports included, with the configuration and the lock file", async () => {
    await using project = new Project();
    usual(project);
    project.write({ "deno.lock": '{ "version": "5" }' });
    const ref = await project.take("src/a.ts");
    const manifest = await readManifest(project.store, ref.id);
    assertEquals(Object.keys(manifest!.files), [
      "deno.json",
      "deno.lock",
      "src/a.ts",
      "src/b.ts",
      "src/c.json",
      "src/d.ts",
    ]);
    assertEquals({ base: manifest!.base, roots: manifest!.roots }, {
      base: project.folder,
      roots: ["src/a.ts"],
    });
    const { stdout, stderr } = await project.run(ref, "src/a.ts");
    assertEquals(stdout, "1 2 3 4\n", stderr);
  });

  it("is not touched by what becomes of the code, while data beside it is today's", async () => {
    await using project = new Project();
    usual(project);
    const ref = await project.take("src/a.ts");
    project.write({
      "src/a.ts": "throw new Error();",
      "src/b.ts": "export const b = -1;",
      "src/c.json": "{ not json",
      "src/data/x.csv": "5",
      "deno.json": "{ not json",
    });
    Deno.removeSync(join(project.folder, "src/d.ts"));
    const { stdout, stderr } = await project.run(ref, "src/a.ts");
    assertEquals(stdout, "1 2 3 5\n", stderr);
  });

  it("gives one snapshot for the same code, and another one for other code that shares its files", async () => {
    await using project = new Project();
    usual(project);
    const first = await project.take("src/a.ts");
    assertEquals(await project.take("src/a.ts"), first);
    project.write({ "src/data/x.csv": "no code", "src/unused.ts": "export const unused = 1;" });
    assertEquals(await project.take("src/a.ts"), first);
    project.write({ "src/b.ts": "export const b = 10;" });
    const second = await project.take("src/a.ts");
    assertNotEquals(second.digest, first.digest);
    assertEquals((await project.run(second, "src/a.ts")).stdout, "10 2 3 no code\n");
    assertEquals((await project.run(first, "src/a.ts")).stdout, "1 2 3 no code\n");
    const inode = (name: string, ref = first) => Deno.statSync(project.placed(ref, name)).ino;
    assertEquals(inode("src/d.ts", second), inode("src/d.ts"));
    assertEquals([...Deno.readDirSync(join(project.store.root, "snapshots", "files"))].length, 5);
  });

  it("has a digest that does not depend on where the project is", async () => {
    await using here = new Project();
    await using there = new Project();
    usual(here);
    usual(there);
    const [one, other] = [await here.take("src/a.ts"), await there.take("src/a.ts")];
    assertEquals(one.digest, other.digest);
    assertNotEquals(one.id, other.id);
  });

  it("keeps modules of tasks that the entry does not import", async () => {
    await using project = new Project();
    usual(project);
    const ref = await project.take("src/b.ts", ["src/d.ts", "src/not_there.ts", "src/d.ts"]);
    const { files, roots } = (await readManifest(project.store, ref.id))!;
    assertEquals(Object.keys(files), ["deno.json", "src/b.ts", "src/d.ts"]);
    assertEquals(roots, ["src/b.ts", "src/d.ts"]);
  });

  it("lets many take the same one at the same time", async () => {
    await using project = new Project();
    usual(project);
    const refs = await Promise.all(Array.from({ length: 6 }, () => project.take("src/a.ts")));
    assertEquals(new Set(refs.map(({ id }) => id)).size, 1);
    assertEquals((await project.run(refs[0]!, "src/a.ts")).stdout, "1 2 3 4\n");
    const names = [...Deno.readDirSync(join(project.store.root, "snapshots"))].map(({ name }) => name);
    assertEquals(names.sort(), [refs[0]!.id, "files", ".gitignore"].sort());
  });

  it("is not seen by deno fmt where the store is in the project", async () => {
    await using project = new Project();
    usual(project);
    const root = join(project.folder, "furu-data");
    const store = new Store(systemMachine(), { root, leaseSec: 120, heartbeatSec: 40 });
    const entry = toFileUrl(join(project.folder, "src/a.ts")).href;
    const ref = await takeSnapshot(store, { entry, modules: [], onWarning: () => {} });
    assert(exists(join(snapshotPaths(root, ref!.id).code, "src/a.ts")));
    const { stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["fmt", "--check"],
      cwd: project.folder,
    }).output();
    const said = new TextDecoder().decode(stderr);
    assertStringIncludes(said, "/src/a.ts");
    assertEquals(said.includes("snapshots"), false, said);
  });

  it("has nothing to do with today's configuration around a store in the project", async () => {
    const workspaces: Record<string, string>[] = [
      { "deno.json": '{ "imports": { "#b": "./b.ts" } }' },
      { "deno.json": '{ "workspace": ["./app"], "imports": { "#b": "./b.ts" } }', "app/deno.json": "{}" },
      { "deno.jsonc": "{}", "app/deno.json": '{ "imports": { "#b": "../b.ts" } }' },
    ];
    for (const configs of workspaces) {
      await using project = new Project();
      project.write({
        ...configs,
        "app/a.ts": `import { b } from "#b"; import * as here from "../b.ts"; import { own } from "./c.ts";
console.log(b, here.own === own, own.url.split("/snapshots/").length);`,
        "app/c.ts": 'export { own } from "../b.ts";',
        "b.ts": "export const b = 1; export const own = { url: import.meta.url };",
      });
      const root = join(project.folder, "furu-data");
      const store = new Store(systemMachine(), { root, leaseSec: 120, heartbeatSec: 40 });
      const entry = toFileUrl(join(project.folder, "app/a.ts")).href;
      const ref = await takeSnapshot(store, { entry, modules: [], onWarning: () => {} });
      const placed = (name: string) => join(snapshotPaths(root, ref!.id).code, name);
      const run = async () => {
        const config = [placed("app/deno.json"), placed("deno.json")].find(exists)!;
        const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", "--quiet", "--config", config, placed("app/a.ts")],
          cwd: "/",
        }).output();
        assertEquals(new TextDecoder().decode(stdout), "1 true 2\n", new TextDecoder().decode(stderr));
      };
      await run();
      for (const [name, text] of [["deno.json", "{ not json"], ["deno.json", '{ "workspace": ["./b"] }']]) {
        project.write({ [name!]: text!, "b.ts": "export const b = 2;" });
        await run();
      }
    }
  });

  it("puts right what was changed in it, and links what is new beside it", async () => {
    await using project = new Project();
    usual(project);
    const ref = await project.take("src/a.ts");
    const placed = project.placed(ref, "src/b.ts");
    // In place, so that the shared contents change, too.
    Deno.chmodSync(placed, 0o644);
    Deno.writeTextFileSync(placed, "export const b = 'spoilt';");
    Deno.removeSync(project.placed(ref, "src/d.ts"));
    project.write({ "src/new.csv": "new" });
    assertEquals(await project.take("src/a.ts"), ref);
    assertEquals((await project.run(ref, "src/a.ts")).stdout, "1 2 3 4\n");
    assertEquals(textOf(project.placed(ref, "src/new.csv")), "new");
  });

  it("makes names of a configuration that lead out of the project go on leading there", async () => {
    await using project = new Project();
    project.write({
      "inner/a.ts": `import { o } from "out"; import { t } from "#here/t.ts"; console.log(o, t);`,
      "inner/t.ts": "export const t = 2;",
      "inner/maps/map.json": JSON.stringify({
        imports: { out: "../../outer/o.ts", "#here/": `${new URL(`file://${project.folder}/inner/`)}` },
      }),
      "inner/deno.jsonc": `{ "importMap": "maps/map.json", /* a comment */ }`,
      "outer/o.ts": "export const o = 1;",
    });
    const ref = await project.take("inner/a.ts");
    // The module that is outside is code as well.
    assertEquals(ref.base, project.folder);
    project.write({ "inner/t.ts": "export const t = 0;", "outer/o.ts": "export const o = 0;" });
    const config = project.placed(ref, "inner/deno.jsonc");
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--quiet", "--config", config, project.placed(ref, "inner/a.ts")],
    }).output();
    assertEquals(new TextDecoder().decode(stdout), "1 2\n", new TextDecoder().decode(stderr));
  });

  it("keeps a whole workspace together", async () => {
    await using project = new Project();
    project.write({
      "app/main.ts": `import { lib } from "@my/lib"; console.log(lib);`,
      "app/deno.json": "{}",
      "lib/mod.ts": "export const lib = 1;",
      "lib/deno.json": `{ "name": "@my/lib", "version": "1.0.0", "exports": "./mod.ts" }`,
      "deno.json": `{ "workspace": ["./app", "./lib"] }`,
    });
    const ref = await project.take("app/main.ts");
    project.write({ "lib/mod.ts": "export const lib = 2;" });
    assertEquals((await project.run(ref, "app/main.ts")).stdout, "1\n");
  });

  it("imports the same module by its absolute path as by a relative one", async () => {
    const configs: Record<string, string>[] = [
      {},
      { "deno.json": "{}" },
      { "deno.json": '{ "importMap": "map.json" }', "map.json": '{ "imports": { "#b": "./b.ts" } }' },
      { "deno.json": '{ "workspace": ["./app"] }', "app/deno.json": "{}" },
    ];
    for (const config of configs) {
      await using project = new Project();
      const b = toFileUrl(join(project.folder, "b.ts")).href;
      project.write({
        ...config,
        "app/a.ts": `import { b } from "../b.ts";
import { b as same } from ${JSON.stringify(b)};
const { b: also } = await import(${JSON.stringify(b)}.slice());
console.log(b.name, b === same, b === also);`,
        "b.ts": "export const b = { name: 'then' };",
      });
      const ref = await project.take("app/a.ts");
      project.write({ "b.ts": "export const b = { name: 'now' };" });
      const { stdout, stderr } = await project.run(ref, "app/a.ts");
      assertEquals(stdout, "then true true\n", stderr);
    }
  });

  it("finds npm packages in the node_modules of the project", async () => {
    await using project = new Project();
    project.write({
      "a.ts": `import { word } from "made-up"; console.log(word);`,
      "deno.json": `{ "nodeModulesDir": "manual" }`,
      "package.json": `{ "dependencies": { "made-up": "1.0.0" } }`,
      "node_modules/made-up/package.json":
        `{ "name": "made-up", "version": "1.0.0", "type": "module", "main": "i.js" }`,
      "node_modules/made-up/i.js": "export const word = 'found';",
    });
    const ref = await project.take("a.ts");
    const { stdout, stderr } = await project.run(ref, "a.ts");
    assertEquals(stdout, "found\n", stderr);
    assertEquals(Object.keys((await readManifest(project.store, ref.id))!.files), [
      "a.ts",
      "deno.json",
      "package.json",
    ]);
  });

  it("works without any configuration, whatever is above the store", async () => {
    await using project = new Project();
    Deno.writeTextFileSync(join(project.rig.folder, "deno.json"), "{ not json");
    Deno.removeSync(join(project.rig.folder, "deno.json"));
    project.write({ "a.ts": `import { z } from "zod"; console.log(typeof z);` });
    const ref = await project.take("a.ts");
    Deno.writeTextFileSync(join(project.rig.folder, "deno.json"), "{ not json");
    const { stdout, stderr } = await project.run(ref, "a.ts");
    assertEquals(stdout, "object\n", stderr);
  });

  it("is none where the code is in no local file", async () => {
    await using project = new Project();
    const options = { modules: ["data:text/javascript,"], onWarning: () => {} };
    for (
      const entry of [
        "https://example.com/a.ts",
        "data:text/javascript,0",
        `file://${project.folder}/$deno$eval.ts`,
      ]
    ) {
      assertEquals(await takeSnapshot(project.store, { ...options, entry }), undefined);
    }
    assert(!exists(project.store.root));
  });

  it("warns of a folder with too many files, and says which configuration cannot be read", async () => {
    await using project = new Project();
    project.write({
      "a.ts": "export {};",
      ...Object.fromEntries(Array.from({ length: 5001 }, (_, i) => [`${i}.txt`, ""])),
    });
    await project.take("a.ts");
    assertStringIncludes(project.warnings[0]!, project.folder);
    project.write({ "deno.json": "{ not json" });
    const error = await project.take("a.ts").catch((error) => error);
    assertStringIncludes(error.message, "deno.json");
  });
});

describe("snapshotUrl()", () => {
  const ref = { id: "i", digest: "d", base: "/my project" };

  it("says where a module is in a snapshot, and leaves alone what is not", () => {
    assertEquals(
      snapshotUrl("/store", ref, "file:///my%20project/a.ts"),
      "file:///store/snapshots/i/code/a.ts",
    );
    for (const url of ["file:///my%20project2/a.ts", "https://example.com/a.ts", "data:,"]) {
      assertEquals(snapshotUrl("/store", ref, url), url);
    }
    assertEquals(snapshotUrl("/store", undefined, "file:///a.ts"), "file:///a.ts");
    assertEquals(snapshotPaths("/store", "i").code, "/store/snapshots/i/code");
  });
});
