import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import type { Hash } from "../../lib/core/hash.ts";
import type { PoolWorkerResult } from "../../lib/pool/worker/pool_worker.ts";
import { taskArtifact } from "../../lib/remote/remote_artifact.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import type { Artifact } from "../../lib/task/artifact/artifact.ts";
import { writePayloads } from "../../lib/worker/protocol/payload_files.ts";
import { PayloadSource } from "../../lib/worker/protocol/payload_source.ts";
import { ProcessComputer } from "../../lib/worker/process_computer.ts";
import { Sum } from "./fixtures/pipeline.ts";
import { WorkerRig } from "./worker_rig.ts";

const ENTRY = new URL("./fixtures/pipeline.ts", import.meta.url).href;

/** A worker that knows of the run no more than its files, with processes that compute. */
async function work(rig: WorkerRig, entry = ENTRY): Promise<PoolWorkerResult> {
  const runtime = rig.process();
  const computer = new ProcessComputer(runtime, rig.run.runId, {
    entry,
    config: () => Promise.resolve({ config: runtime.config, git: null }),
    stopping: new AbortController().signal,
    sourcesOf: new PayloadSource(runtime, rig.paths.run).sourcesOf,
  });
  try {
    return await rig.worker({ runtime, computer, artifactOf: taskArtifact }).ended;
  } finally {
    await computer.close();
  }
}

function valueOf({ store }: Runtime, artifact: Artifact): unknown {
  return JSON.parse(Deno.readTextFileSync(store.paths(artifact).record)).value;
}

/** Makes a payload anew. */
function changePayload(rig: WorkerRig, hash: Hash, change: (payload: Record<string, unknown>) => void): void {
  const path = join(rig.paths.artifacts, `${hash}.json`);
  const payload = JSON.parse(Deno.readTextFileSync(path));
  change(payload);
  Deno.writeTextFileSync(path, JSON.stringify(payload));
}

describe("a pool's worker with computing processes", () => {
  it("computes from the files of the run alone, beside another one", async () => {
    await using rig = new WorkerRig();
    const [a, b] = ["a", "b"].map((name) => join(rig.rig.folder, name)) as [string, string];
    // Each waits for the other: they are computed at the same time, or not at all.
    const left = Sum({ id: "left", meet: { mine: a, other: b } });
    const right = Sum({ id: "right", meet: { mine: b, other: a } });
    await rig.queued([left, right], { idleTimeoutSec: 0.5 });
    await writePayloads(rig.process(), rig.paths.run, [left, right]);
    const results = await Promise.all([work(rig), work(rig)]);
    assertEquals(results.map(({ computed }) => computed), [1, 1]);
    assertEquals(rig.files("done").length, 2);
    const top = Sum({ id: "top", of: [left, right] });
    await rig.queued([top]);
    await writePayloads(rig.process(), rig.paths.run, [top]);
    assertEquals((await work(rig)).computed, 1);
    assertEquals(valueOf(rig.process(), top), 3);
  });

  it("fails a task whose payload is missing, torn or of changed code as protocol, and goes on", async () => {
    await using rig = new WorkerRig();
    const roots = ["missing", "torn", "changed", "good"].map((id) => Sum({ id }));
    const [missing, torn, changed, good] = roots as [Artifact, Artifact, Artifact, Artifact];
    await rig.queued(roots);
    await writePayloads(rig.process(), rig.paths.run, roots);
    Deno.removeSync(join(rig.paths.artifacts, `${missing.hash}.json`));
    Deno.truncateSync(join(rig.paths.artifacts, `${torn.hash}.json`), 10);
    changePayload(rig, changed.hash, (payload) => payload.params = `{"id":"other","of":[]}`);
    assertEquals((await work(rig)).computed, 1);
    assertEquals(rig.files("done"), [`${good.hash}.1.0.json`]);
    const says = new Map([[missing, "there is no such file"], [torn, "not JSON"], [changed, "has changed"]]);
    for (const [{ hash }, text] of says) {
      const failure = (await rig.failure(`${hash}.1.0.json`))!;
      assertEquals(failure.kind, "protocol", failure.error);
      assertStringIncludes(failure.error, text);
    }
  });

  it("says that a task could not start where its module cannot be imported", async () => {
    await using rig = new WorkerRig();
    const root = Sum({ id: "elsewhere" });
    const [file] = await rig.queued([root]);
    await writePayloads(rig.process(), rig.paths.run, [root]);
    const gone = "file:///there/is/no/such/module.ts";
    changePayload(rig, root.hash, (payload) => payload.module = gone);
    assertEquals((await work(rig, gone)).computed, 0);
    const failure = (await rig.failure(file!))!;
    assertEquals(failure.kind, "start", failure.error);
    assertStringIncludes(failure.error, gone);
  });

  it("fails as protocol a task whose module starts a run while it is imported", async () => {
    await using rig = new WorkerRig();
    const root = Sum({ id: "not guarded" });
    const [file] = await rig.queued([root]);
    await writePayloads(rig.process(), rig.paths.run, [root]);
    const entry = new URL("./fixtures/starts_run.ts", import.meta.url).href;
    changePayload(rig, root.hash, (payload) => {
      payload.module = entry;
      payload.name = "poolfix/Unknown";
    });
    await work(rig, entry);
    const failure = (await rig.failure(file!))!;
    assertEquals(failure.kind, "protocol", failure.error);
    assertStringIncludes(failure.error, "import.meta.main");
    assert(!rig.files("done").includes(file!));
  });
});
