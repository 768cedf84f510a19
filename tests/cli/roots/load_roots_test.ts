import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { toFileUrl } from "@std/path/to-file-url";
import { describe, it } from "@std/testing/bdd";
import { UsageError } from "../../../lib/core/errors.ts";
import { ModuleLoadError } from "../../../lib/cli/roots/load_error.ts";
import { loadModule, moduleRoots } from "../../../lib/cli/roots/load_roots.ts";
import { FIXTURES } from "../rig.ts";

const rootsOf = async (reference: string) => await moduleRoots(await loadModule(reference, FIXTURES));
const refusal = async (reference: string) =>
  (await assertRejects(() => rootsOf(reference), UsageError)).message;

describe("moduleRoots()", () => {
  it("takes an artifact, arrays in arrays, and functions that return either", async () => {
    for (const name of ["pipeline.ts", "./pipeline.ts#best", "pipeline.ts#later"]) {
      assertEquals((await rootsOf(name)).map(({ params }) => (params as { lr: number }).lr), [0.1], name);
    }
    assertEquals((await rootsOf("pipeline.ts#nested")).length, 2);
    assertEquals((await rootsOf(`${toFileUrl(FIXTURES)}/pipeline.ts#best`)).length, 1);
  });

  it("says what a value is that gives no artifacts", async () => {
    assertMatch(
      await refusal("pipeline.ts#wrong"),
      /^Cannot use pipeline\.ts#wrong as roots as an artifact.*: it is \{ best:/,
    );
    assertMatch(await refusal("pipeline.ts#mixed"), /pipeline\.ts#mixed\[1\] as roots .*: it is 7$/);
    assertMatch(
      await refusal("pipeline.ts#Train"),
      /it is the task clifix\/Train, which gives an artifact when it is called/,
    );
  });

  it("lists what may be meant when there is no such export", async () => {
    const message = await refusal("no_default.ts");
    assertStringIncludes(message, "Cannot find a default export in no_default.ts");
    assertStringIncludes(message, "run one with no_default.ts#NAME: best");
    assertStringIncludes(message, "tasks to apply to parameters: Train");
    assertStringIncludes(
      await refusal("pipeline.ts#bset"),
      "an export 'bset' in pipeline.ts; did you mean 'best'?",
    );
  });
});

describe("loadModule()", () => {
  it("says that a file is missing, and which is near", async () => {
    assertMatch(
      await refusal("pipelin.ts"),
      /^Cannot find module 'pipelin\.ts': no such file in .*; did you mean 'pipeline\.ts'\?$/,
    );
    assertMatch(await refusal("nowhere/pipeline.ts"), /there is no folder .*nowhere$/);
    assertMatch(await refusal("."), /it is a folder, a file is needed/);
    assertMatch(await refusal("pipeline.ts#"), /the name of an export is needed after '#'/);
  });

  it("says with which configuration a name is known", async () => {
    const folder = await Deno.realPath(await Deno.makeTempDir());
    try {
      await Deno.writeTextFile(`${folder}/pipeline.ts`, 'import "made/up";');
      const messageOf = async (name: string) =>
        (await assertRejects(() => loadModule(name, folder), ModuleLoadError)).message;
      assertEquals((await messageOf("pipeline.ts")).includes("--config"), false);
      await Deno.writeTextFile(`${folder}/deno.json`, '{ "imports": { "made/": "./lib/" } }');
      // An import that has failed fails again: the file is another one for Deno.
      await Deno.rename(`${folder}/pipeline.ts`, `${folder}/other.ts`);
      const command = `deno run -A --config '${folder}/deno.json' jsr:@furu/furu/cli`;
      assertStringIncludes(await messageOf("other.ts"), command);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

  it("tells an error of the module itself from its own", async () => {
    const error = await assertRejects(() => loadModule("broken.ts", FIXTURES), ModuleLoadError);
    assertEquals(error.message, "Cannot load broken.ts: TypeError: settings are missing");
    assertMatch((error.cause as Error).stack ?? "", /readSettings/);
  });
});
