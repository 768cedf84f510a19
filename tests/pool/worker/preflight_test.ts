import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FURU_VERSION } from "../../../lib/core/version.ts";
import { preflight } from "../../../lib/pool/worker/preflight.ts";
import { preflightFailedNodes, readPreflightFailure } from "../../../lib/pool/preflight_failure.ts";
import { listWorkers } from "../../../lib/queue/worker_liveness.ts";
import { artifact, PoolRig } from "../rig.ts";

async function begun(): Promise<PoolRig> {
  const rig = new PoolRig();
  await rig.begin([artifact(() => 1)]);
  rig.run = { ...rig.run, versions: { ...rig.run.versions, furu: FURU_VERSION } };
  return rig;
}

describe("preflight()", () => {
  it("finds nothing where tasks can be computed, and leaves nothing", async () => {
    await using rig = await begun();
    const { paths, run } = rig;
    assertEquals(await preflight(rig.process(), { paths, run, spec: "default", node: "n1" }), undefined);
    assertEquals(await listWorkers(rig.process().store, paths), new Map());
  });

  it("writes down that the folder for temporary files cannot be written, as the node's fault", async () => {
    await using rig = await begun();
    const { paths, run } = rig;
    const runtime = rig.process();
    const temporaryFolder = `${rig.rig.folder}/missing`;
    const fault = await preflight(runtime, {
      paths,
      run,
      spec: "gpu",
      node: "n1",
      job: "j1",
      temporaryFolder,
    });
    assert(fault);
    assertEquals({ kind: fault.kind, node: fault.node, job: fault.job, spec: fault.spec }, {
      kind: "node",
      node: "n1",
      job: "j1",
      spec: "gpu",
    });
    assertStringIncludes(fault.error, temporaryFolder);
    const read = await readPreflightFailure(runtime.store, paths, fault.id);
    assertEquals({ ...read, at: "" }, { ...fault, at: "" });
    assertEquals((await listWorkers(runtime.store, paths)).get(fault.id)?.unfit, true);
    assertEquals(await preflightFailedNodes(runtime.store, paths), ["n1"]);
  });

  it("refuses to work for a run of another version of furu, wherever that is", async () => {
    await using rig = await begun();
    const run = { ...rig.run, versions: { ...rig.run.versions, furu: "99.0.0" } };
    const fault = await preflight(rig.process(), { paths: rig.paths, run, spec: "default", node: "n1" });
    assertEquals(fault?.kind, "protocol");
    assertStringIncludes(fault?.error ?? "", "99.0.0");
    assertStringIncludes(fault?.error ?? "", FURU_VERSION);
  });

  it("refuses to work with a Deno that is too old, and says both", async () => {
    await using rig = await begun();
    const run = { ...rig.run, versions: { ...rig.run.versions, deno: "2.9.6" } };
    const { version } = Deno;
    Object.defineProperty(Deno, "version", { value: { ...version, deno: "2.3.7" }, configurable: true });
    try {
      const fault = await preflight(rig.process(), { paths: rig.paths, run, spec: "default", node: "n1" });
      assertEquals(fault?.kind, "protocol");
      assertStringIncludes(fault?.error ?? "", "furu needs Deno 2.4 or later, this is Deno 2.3.7");
      assertStringIncludes(fault?.error ?? "", "it was begun with Deno 2.9.6");
    } finally {
      Object.defineProperty(Deno, "version", { value: version, configurable: true });
    }
  });

  it("refuses to work where deno.lock has another version of a package, not where it only has more", async () => {
    await using rig = await begun();
    const folder = `${rig.rig.folder}/project`;
    Deno.mkdirSync(folder);
    const write = (specifiers: Record<string, string>) =>
      Deno.writeTextFileSync(`${folder}/deno.lock`, JSON.stringify({ version: "5", specifiers }));
    Deno.writeTextFileSync(`${folder}/deno.json`, "{}");
    const run = { ...rig.run, entry: `file://${folder}/a.ts`, lock: { "npm:zod@^4": "4.0.1" } };
    const look = () => preflight(rig.process(), { paths: rig.paths, run, spec: "default", node: "n1" });
    write({ "npm:zod@^4": "4.0.1", "npm:more@1": "1.0.0" });
    assertEquals(await look(), undefined);
    write({ "npm:zod@^4": "4.0.2" });
    const fault = await look();
    assertEquals(fault?.kind, "protocol");
    assertStringIncludes(fault?.error ?? "", "npm:zod@^4 was 4.0.1, and is 4.0.2");
    Deno.removeSync(`${folder}/deno.lock`);
    assertStringIncludes((await look())?.error ?? "", "not in it");
    // A snapshot has its own.
    const code = { id: "i", digest: "d", base: "/" };
    assertEquals(
      await preflight(rig.process(), {
        paths: rig.paths,
        run: { ...run, code },
        spec: "default",
        node: "n1",
      }),
      undefined,
    );
  });
});
