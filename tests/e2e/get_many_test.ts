import { assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { describe, it } from "@std/testing/bdd";
import { exists, Rig, until } from "../rig.ts";
import { begun, ends, litter } from "./job.ts";

describe("many gets at once", () => {
  for (const how of ["all", "nested", "caught", "unheeded"]) {
    for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
      it(`${signal} ends several gets at once (${how}) as it ends one: all preempted, exit code ${code}, nothing left`, async () => {
        await using rig = new Rig();
        const script = rig.start("e2e/fixtures/many.ts", [how, 4]);
        for (const n of [0, 1, 2, 3]) await begun(rig, 1, `${n}`);
        await until(() => rig.read("program") !== "", "its program runs");
        script.kill(signal);
        const { code: exit, stdout, stderr } = await script.ended();
        assertEquals({ exit, stdout }, { exit: code, stdout: "" }, stderr);
        assertEquals(stderr.includes("Uncaught"), false, stderr);
        assertEquals(new Set(ends(rig).map(({ kind }) => kind)), new Set(["preempted"]));
        assertEquals(ends(rig).length, how === "nested" ? 7 : 4);
        for (const { error } of ends(rig)) assertStringIncludes(error, signal);
        assertEquals(litter(rig), []);
        assertEquals(exists(`/proc/${rig.read("program").trim()}/stat`), false, "its program has ended");
      });
    }
  }

  it("hundreds of gets at once need no more files open than a process may have", async () => {
    await using rig = new Rig();
    const script = fromFileUrl(new URL("./fixtures/many.ts", import.meta.url));
    const config = fromFileUrl(new URL("../../deno.json", import.meta.url));
    const run = `ulimit -n 512 && exec "$0" run -A --quiet --config "$1" "$2" quick 600`;
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: ["-c", run, Deno.execPath(), config, script],
      env: { FURU_PATH: rig.root, FURU_TEST_FOLDER: rig.folder, FURU_RECORD_GIT: "ignore" },
    }).output();
    assertEquals(
      { code, decode: new TextDecoder().decode(stdout).trim() },
      { code: 0, decode: "600" },
      new TextDecoder().decode(stderr),
    );
  });

  it("a script that deno run --watch starts again does not wait for the lease of its former self", async () => {
    await using rig = new Rig();
    const script = `${rig.folder}/script.ts`;
    const code = (edit: number) => `
    import { defineTask, get, z } from "@furu/furu";
    const Slow = defineTask({ name: "e2e/Slow", params: z.object({}), create: async ({ attempt }): Promise<string> => {
      console.log("attempt " + attempt);
      if (attempt === 1) await new Promise((resolve) => setTimeout(resolve, 600_000));
      return "there";
    } });
    console.log("edit ${edit}", await get(Slow()));
  `;
    Deno.writeTextFileSync(script, code(1));
    await using watched = rig.start(script, [], {}, ["--watch"]);
    await until(() => watched.stdout.includes("attempt 1"), "it computes");
    await until(() => litter(rig).every((name) => !name.includes(".tmp-")), "its thread has begun to beat");
    Deno.writeTextFileSync(script, code(2));
    await until(() => watched.stdout.includes("edit 2 there"), "it has computed anew", 25_000);
    assertStringIncludes(watched.stderr, "has begun anew");
  });
});
