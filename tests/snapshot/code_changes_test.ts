import { assertEquals } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { codeChanges } from "../../lib/snapshot/current_code.ts";
import { readManifest } from "../../lib/snapshot/manifest.ts";
import { Project } from "./rig.ts";

describe("codeChanges()", () => {
  it("tells files that were changed, added and removed since, and none when they are back", async () => {
    await using project = new Project();
    const files = {
      "a.ts": `import "./b.ts"; import "./c.ts";`,
      "b.ts": "export {};",
      "c.ts": "export {};",
      "deno.json": "{}",
    };
    project.write(files);
    const manifest = (await readManifest(project.store, (await project.take("a.ts")).id))!;
    assertEquals(await codeChanges(manifest), undefined);
    project.write({ "a.ts": `import "./b.ts"; import "./d.ts";`, "b.ts": "export const b = 1;", "d.ts": "" });
    const path = (name: string) => join(project.folder, name);
    assertEquals(await codeChanges(manifest), {
      changed: [path("a.ts"), path("b.ts")],
      added: [path("d.ts")],
      removed: [path("c.ts")],
    });
    project.write(files);
    assertEquals(await codeChanges(manifest), undefined);
    Deno.removeSync(path("a.ts"));
    assertEquals((await codeChanges(manifest))?.removed.length, 4);
  });
});
