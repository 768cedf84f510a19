import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { runLog } from "../../../lib/core/run_log.ts";
import type { Hash } from "../../../lib/core/hash.ts";
import { Controller } from "../../../lib/pool/controller/controller.ts";
import { remoteArtifacts } from "../../../lib/remote/remote_artifact.ts";
import { Leadership } from "../../../lib/pool/leadership.ts";
import { listQueue } from "../../../lib/queue/queue.ts";
import type { Runtime } from "../../../lib/run/runtime.ts";
import type { BackendEvent } from "../../../lib/schedule/backend.ts";
import type { Artifact } from "../../../lib/task/artifact/artifact.ts";
import { until } from "../../rig.ts";
import { backendContract, type BackendRig } from "../../schedule/backend_contract.ts";
import { artifact, PoolRig, TIMING } from "../rig.ts";

async function poolBackend(
  artifacts: readonly Artifact[],
  change: (runtime: Runtime, pool: PoolRig) => void = () => {},
): Promise<BackendRig & { pool: PoolRig; broken: unknown[] }> {
  const pool = new PoolRig();
  await pool.begin(artifacts);
  const runtime = pool.process();
  change(runtime, pool);
  const events: BackendEvent[] = [];
  const broken: unknown[] = [];
  const backend = new Controller({
    runtime,
    paths: pool.paths,
    run: pool.run,
    leadership: new Leadership(runtime, await pool.role(runtime)),
    launcher: pool.launcher,
    artifactOf: remoteArtifacts(pool.run),
    forced: undefined,
    onEvent: (event) => pool.events.push(event),
    log: runLog((event) => pool.events.push(event), runtime.machine.clock),
    timing: TIMING,
    listed: await listQueue(runtime.store, pool.paths),
    report: (event) => events.push(event),
    broken: (error) => broken.push(error),
    onStopAsked: () => {},
  });
  return {
    pool,
    backend,
    events,
    broken,
    stranger: pool.process(),
    [Symbol.asyncDispose]: async () => {
      await backend.close();
      await pool[Symbol.asyncDispose]();
      assertEquals(broken, []);
    },
  };
}

backendContract("Controller", (artifacts) => poolBackend(artifacts));

describe("Controller.withdraw()", () => {
  it("takes back what no worker has claimed, and says so of each", async () => {
    const artifacts = Array.from({ length: 40 }, () => artifact(() => 1));
    await using rig = await poolBackend(artifacts);
    rig.pool.launcher.starts = false;
    for (const each of artifacts) rig.backend.start(each, "default");
    await until(() => rig.pool.files("todo").length > 0, "something is queued");
    await rig.backend.withdraw!();
    const hashes = (list: readonly { hash: Hash }[]): Hash[] => list.map(({ hash }) => hash).toSorted();
    assertEquals([...new Set(rig.events.map(({ type }) => type))], ["withdrawn"]);
    assertEquals(hashes(rig.events), hashes(artifacts));
    assertEquals(rig.pool.files("todo"), []);
  });
});

describe("controller", () => {
  it("Controller reports nothing as busy by a listing of before it was queued again", async () => {
    const only = artifact(() => 1);
    let stale = 0;
    await using rig = await poolBackend([only], ({ machine: { files } }, pool) => {
      const list = files.list.bind(files);
      files.list = async (dir) => {
        const isLate = dir === pool.paths.waiting && stale === 0 && pool.files("todo").length > 0;
        if (isLate) stale++;
        const name = `${only.hash}.1.0.json`;
        return isLate
          ? [{ name, isDirectory: false } as Awaited<ReturnType<typeof list>>[number]]
          : await list(dir);
      };
    });
    rig.pool.launcher.starts = false;
    rig.backend.start(only, "default");
    await until(() => stale === 1 && rig.pool.launcher.list.length > 0, "the listing was wrong");
    rig.pool.launcher.begin(rig.pool.launcher.list[0]!);
    await until(() => rig.events.length > 0, "it is reported");
    assertEquals(rig.events.map(({ type }) => type), ["done"]);
  });
});
