import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ProtocolError, StoreError } from "../../lib/core/errors.ts";
import type { Hash } from "../../lib/core/hash.ts";
import { makePlan } from "../../lib/plan/graph.ts";
import { forcedNodes } from "../../lib/plan/forced.ts";
import { poolNodes } from "../../lib/remote/run_nodes.ts";
import { readRun, writeRun, writeTaken } from "../../lib/remote/run_record.ts";
import { learnParams, remoteArtifacts } from "../../lib/remote/remote_artifact.ts";
import { storeStatus } from "../../lib/schedule/status_source.ts";
import { ARTIFACT, isArtifact } from "../../lib/task/artifact/artifact.ts";
import { writePayloads } from "../../lib/worker/protocol/payload_files.ts";
import { Sum } from "../pool/fixtures/pipeline.ts";
import { artifact, PoolRig } from "../pool/rig.ts";

describe("poolNodes()", () => {
  it("tells of all that the roots reach, each once, also of what is declared and not in the parameters", () => {
    const low = artifact(() => 1, [], { timeLimit: 7 });
    const middle = artifact(() => 1, [low], { spec: "gpu" });
    const roots = [artifact(() => 1, [middle, low]), artifact(() => 1, [middle])];
    const nodes = new Map(poolNodes([...roots, low]).map((node) => [node.hash, node]));
    assertEquals(nodes.size, 4);
    assertEquals(nodes.get(low.hash), {
      hash: low.hash,
      name: low.name,
      spec: "default",
      dependencies: [],
      timeLimitSec: 7,
    });
    assertEquals(nodes.get(middle.hash)?.spec, "gpu");
    assertEquals(nodes.get(roots[0]!.hash)?.dependencies, [middle.hash, low.hash]);
  });
});

describe("readRun()", () => {
  it("reads what was written, and refuses what is missing, torn or of another mode", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    const runtime = rig.process();
    assertEquals(await readRun(runtime, rig.paths, "pool"), rig.run);
    const damage = { torn: "{", "another mode": JSON.stringify({ ...rig.run, mode: "dag" }) };
    for (const text of Object.values(damage)) {
      Deno.writeTextFileSync(rig.paths.record, text);
      const error = await assertRejects(() => readRun(runtime, rig.paths, "pool"), StoreError);
      assertStringIncludes(error.message, rig.paths.record);
    }
    Deno.removeSync(rig.paths.record);
    await assertRejects(() => readRun(runtime, rig.paths, "pool"), StoreError, "there is no such file");
  });

  it("gives a run as it counts since it was taken up last", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    const runtime = rig.process();
    const before = { ...rig.run, cluster: "east", submitEnv: { SBATCH_ACCOUNT: "a" } };
    await writeRun(runtime, rig.paths, before);
    const later = {
      submitter: { host: "login2", pid: 1, user: "bob", uid: 7 },
      cluster: "west",
      specs: { default: { partition: "new" } },
      config: { ...rig.run.config, maxComputeRetries: 9 },
      options: { ...rig.run.options, maxWorkers: 2 },
    };
    const { submitEnv: _, ...rest } = before;
    await writeTaken(runtime, rig.paths, { ...rest, ...later, term: 2 });
    assertEquals(await readRun(runtime, rig.paths, "pool"), { ...rest, ...later });
    Deno.writeTextFileSync(rig.paths.taken, "{");
    await assertRejects(() => readRun(runtime, rig.paths, "pool"), StoreError, rig.paths.taken);
  });
});

describe("remoteArtifacts()", () => {
  it("gives artifacts that can be planned without the user's code, and show their parameters when asked", async () => {
    await using rig = new PoolRig();
    const low = Sum({ id: "low" });
    const top = Sum({ id: "top", of: [low] });
    await rig.begin([top]);
    const artifactOf = remoteArtifacts(rig.run);
    const remote = artifactOf(top.hash);
    assertEquals([isArtifact(remote), `${remote}`, Object.isFrozen(remote)], [true, `${top}`, true]);
    assertEquals(remote[ARTIFACT].dependencies, [artifactOf(low.hash)]);
    const runtime = rig.process();
    const planned = await makePlan([remote], storeStatus(runtime));
    assertEquals(planned.order().map(({ hash }) => hash), [low.hash, top.hash]);
    await learnParams(runtime, rig.paths, remote);
    assertEquals(remote.params, "(cannot be read)");
    await writePayloads(runtime, rig.paths.run, [top]);
    await learnParams(runtime, rig.paths, remote);
    assertEquals(remote.params, { id: "top", of: [artifactOf(low.hash)] });
  });

  it("does not know an artifact that is not in the run, and goes as deep as chains do", async () => {
    const hash = (n: number): Hash => n.toString(16).padStart(32, "0") as Hash;
    const nodes = Array.from({ length: 20_000 }, (_, n) => ({
      hash: hash(n),
      name: "t",
      spec: "default",
      dependencies: n === 0 ? [] : [hash(n - 1)],
    }));
    const artifactOf = remoteArtifacts({ runId: "r", nodes });
    assertThrows(() => artifactOf("f".repeat(32) as Hash), ProtocolError, "run r");
    await using rig = new PoolRig();
    const planned = await makePlan([artifactOf(hash(19_999))], storeStatus(rig.process()));
    assertEquals(planned.nodes.size, 20_000);
  });
});

describe("forcedNodes()", () => {
  it("names what is forced and what was invalid, until this run has computed it", async () => {
    await using rig = new PoolRig();
    const [forced, invalid, other] = [1, 2, 3].map(() => artifact(() => 1));
    const runtime = rig.process();
    const nodes = forcedNodes(runtime.store, {
      force: [forced!.name],
      invalid: [invalid!.hash],
      runId: "r",
    })!;
    assertEquals([forced, invalid, other].map((each) => nodes.has(each!)), [true, true, false]);
    assertEquals(await nodes.done(forced!), false);
    assertEquals(forcedNodes(runtime.store, { force: [], invalid: [], runId: "r" }), undefined);
  });
});
