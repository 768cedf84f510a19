import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { describe, it } from "@std/testing/bdd";
import { Rig } from "../rig.ts";

const REPOSITORY = new URL("../..", import.meta.url);
const CONFIG = fromFileUrl(new URL("deno.json", REPOSITORY));

/** Runs a script in `<folder>/project`, which is a project of its own. */
async function runScript(rig: Rig, lines: string, env: Record<string, string>): Promise<string> {
  const project = `${rig.folder}/project`;
  Deno.mkdirSync(`${project}/elsewhere`, { recursive: true });
  Deno.writeTextFileSync(
    `${project}/script.ts`,
    `import { defineTask, get, runLocal, z } from ${JSON.stringify(new URL("mod.ts", REPOSITORY).href)};
    export const A = defineTask({
      name: "folder/A",
      params: z.object({ n: z.int() }),
      create: ({ params, dir }) => (Deno.writeTextFileSync(dir + "/f", ""), { n: params.n, dir }),
    });
    if (import.meta.main) {
      ${lines}
    }`,
  );
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--config", CONFIG, `${project}/script.ts`],
    cwd: project,
    env: { NO_COLOR: "1", FURU_RECORD_GIT: "ignore", HOME: rig.folder, ...env },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  assertEquals(success, true, text.decode(stderr));
  return text.decode(stdout);
}

/** Folders of artifacts anywhere below the test's folder. */
function stores(rig: Rig, dir = rig.folder): string[] {
  return [...Deno.readDirSync(dir)].filter((entry) => entry.isDirectory).flatMap(({ name }) =>
    name === "artifacts" ? [dir.slice(rig.folder.length + 1)] : stores(rig, `${dir}/${name}`)
  );
}

const EVERYWHERE = `
  await get(A({ n: 1 }));
  Deno.chdir("elsewhere");
  await get(A({ n: 2 }));
  await runLocal([A({ n: 3 })], { progress: "none", maxWorkers: 1 });
  await runLocal([A({ n: 4 })], { progress: "none", isolation: "inline" });
  await get(A({ n: 1 }));`;

describe("a script has one store, wherever it goes", () => {
  const cases: [name: string, env: Record<string, string>, store: string][] = [
    ["with a relative FURU_PATH", { FURU_PATH: "rel/store" }, "project/rel/store"],
    ["with ~ in FURU_PATH", { FURU_PATH: "~/data" }, "data"],
    ["with nothing configured", { FURU_PATH: "" }, "project/furu-data"],
  ];
  for (const [name, env, store] of cases) {
    it(name, async () => {
      await using rig = new Rig();
      if (store === "project/furu-data") {
        Deno.mkdirSync(`${rig.folder}/project/.git`, { recursive: true });
      }
      await runScript(rig, EVERYWHERE, env);
      assertEquals(stores(rig), [store]);
      const records = [...Deno.readDirSync(`${rig.folder}/${store}/artifacts/folder/A`)];
      assertEquals(records.filter((entry) => entry.name.endsWith(".json")).length, 4);
    });
  }

  it("also when it goes before its first get", async () => {
    await using rig = new Rig();
    await runScript(rig, `Deno.chdir("elsewhere"); await get(A({ n: 1 }));`, { FURU_PATH: "rel" });
    assertEquals(stores(rig), ["project/rel"]);
  });
});

describe("a store behind a symbolic link", () => {
  it("is the folder that the link points to, with its permissions, and stays it when the link changes", async () => {
    await using rig = new Rig();
    const { folder } = rig;
    for (const name of ["first", "second"]) {
      Deno.mkdirSync(`${folder}/${name}`);
      Deno.chmodSync(`${folder}/${name}`, 0o755);
    }
    Deno.symlinkSync(`${folder}/first`, `${folder}/link`);
    const output = await runScript(
      rig,
      `console.log((await get(A({ n: 1 }))).dir);
      const { folder } = { folder: Deno.env.get("HOME") };
      Deno.removeSync(folder + "/link");
      Deno.symlinkSync(folder + "/second", folder + "/link");
      console.log((await get(A({ n: 2 }))).dir);
      await runLocal([A({ n: 3 })], { progress: "none", maxWorkers: 1 });`,
      { FURU_PATH: `${folder}/link` },
    );
    for (const line of output.trim().split("\n")) {
      assertMatch(line, new RegExp(`^${folder}/first/artifacts/`));
    }
    assertEquals(stores(rig), ["first"]);
    for (const { name } of Deno.readDirSync(`${folder}/first/artifacts/folder/A`)) {
      const mode = Deno.statSync(`${folder}/first/artifacts/folder/A/${name}`).mode!;
      assertEquals(mode & 0o022, 0, `${name} is written by its owner alone, as all in a folder of mode 0755`);
    }
    assertStringIncludes(output, folder);
  });
});
