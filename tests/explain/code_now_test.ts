import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path/join";
import { toFileUrl } from "@std/path/to-file-url";
import { describe, it } from "@std/testing/bdd";
import { systemMachine } from "../../lib/core/system/system_machine.ts";
import { CodeComparison } from "../../lib/explain/code_now.ts";
import { taskCode } from "../../lib/store/results/task_code.ts";
import { Store } from "../../lib/store/store.ts";
import { Rig } from "../rig.ts";

/** A module in a folder, what its record says of it, and a comparison that has read nothing yet. */
function scene(rig: Rig) {
  const path = join(rig.folder, "pipeline.ts");
  Deno.writeTextFileSync(path, "export {};\n");
  const store = new Store(systemMachine(), { root: rig.root, leaseSec: 60, heartbeatSec: 5 });
  const module = toFileUrl(path).href;
  const code = { module, moduleDigest: taskCode(module)!.digest };
  const createdAt = new Date(Date.now() - 60_000).toISOString();
  const compare = (code: object) => new CodeComparison(store).of({ provenance: { code }, createdAt });
  return { path, code, compare };
}

describe("CodeComparison", () => {
  it("says whether the code is the same, which files were written since, and where it cannot know", async () => {
    await using rig = new Rig();
    const { path, code, compare } = scene(rig);
    assertEquals(await compare(code), { now: "same", module: path });
    assertEquals(await compare({ digest: "of a run before there was more" }), undefined);
    Deno.writeTextFileSync(path, "export const changed = 1;\n");
    assertEquals(await compare(code), { now: "changed", module: path, modified: [path] });
    assertEquals(await compare({ ...code, lockDigest: "x" }), {
      now: "changed",
      module: path,
      modified: [path],
      lockChanged: true,
    });
    Deno.removeSync(path);
    const gone = await compare(code);
    assertEquals({ now: gone?.now, why: gone?.why }, { now: "unknown", why: `${path} cannot be read` });
  });

  it("compares what a snapshot was taken of, not the snapshot, and needs its manifest for that", async () => {
    await using rig = new Rig();
    const { path, code, compare } = scene(rig);
    const snapshot = `${"a".repeat(32)}-bbbbbbbb`;
    const dir = join(rig.root, "snapshots", snapshot);
    const module = toFileUrl(join(dir, "code", "pipeline.ts")).href;
    const kept = { ...code, module, snapshot };
    const lost = await compare(kept);
    assert(lost?.now === "unknown" && lost.why?.includes("is gone"));
    Deno.mkdirSync(dir, { recursive: true });
    const manifest = {
      schema: 1,
      digest: "a".repeat(32),
      base: rig.folder,
      roots: ["pipeline.ts"],
      files: {},
    };
    Deno.writeTextFileSync(join(dir, "snapshot.json"), JSON.stringify(manifest));
    assertEquals(await compare(kept), { now: "same", module: path });
    Deno.writeTextFileSync(path, "export const changed = 1;\n");
    assertEquals((await compare(kept))?.now, "changed");
  });
});
