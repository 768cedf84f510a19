import { assertEquals, assertRejects } from "@std/assert";
import { dirname } from "@std/path/dirname";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { UsageError } from "../../lib/core/errors.ts";
import { queuePaths, workerFiles } from "../../lib/queue/layout.ts";
import { computedByPool, findWorker, workerOutputs } from "../../lib/status/worker_views.ts";
import { payloadPath } from "../../lib/worker/protocol/payload_files.ts";
import { Rig, testRuntime } from "../rig.ts";

const RUN = "run-20261129-101112-abcdef";
const [ONE, OTHER, DEAD] = ["n1-77-j12-aaaaaaaaaaaa", "n1-78-bbbbbbbbbbbb", "n2-79-cccccccccccc"] as const;
const [HASH, UNKNOWN] = ["a".repeat(32), "b".repeat(32)];

function write(path: string, value: unknown): void {
  Deno.mkdirSync(dirname(path), { recursive: true });
  Deno.writeTextFileSync(path, typeof value === "string" ? value : JSON.stringify(value));
}

/** Two workers that compute, and one that was declared dead while it did. */
function pool(rig: Rig) {
  const paths = queuePaths(rig.root, RUN);
  const task = (hash: string, since: number) => ({
    hash,
    name: "toy/Train",
    attempt: 1,
    since,
    log: `/${hash}`,
  });
  write(workerFiles(paths, ONE).now, { schema: 1, tasks: [task(HASH, 2000)] });
  write(workerFiles(paths, OTHER).now, { schema: 1, tasks: [{ ...task(UNKNOWN, 1000), fraction: 0.5 }] });
  write(workerFiles(paths, DEAD).now, { schema: 1, tasks: [task("c".repeat(32), 0)] });
  write(workerFiles(paths, DEAD).end, { schema: 1, id: DEAD, kind: "lost", why: "gone", at: "" });
  write(payloadPath(paths.run, HASH), { name: "toy/Train", params: '{"data":{"size":3},"lr":0.1}' });
  write(workerFiles(paths, ONE).record, {
    schema: 1,
    id: ONE,
    spec: "gpu",
    node: "n1",
    owner: { host: "n1", pid: 77 },
    slurm: { jobId: "12", name: "furu", restarts: 0 },
    slots: 1,
    leaseSec: 60,
    startedAt: "2026-11-29T10:11:12.000Z",
  });
  return testRuntime(rig.root).store;
}

describe("workers of a pool", () => {
  it("say what they compute, the oldest first, with its parameters where the run has them", async () => {
    await using rig = new Rig();
    const running = await computedByPool(pool(rig), RUN);
    assertEquals(running.map(({ hash, worker, params, fraction }) => [hash, worker, params, fraction]), [
      [UNKNOWN, OTHER, undefined, 0.5],
      [HASH, ONE, "data.size=3 lr=0.1", undefined],
    ]);
  });

  it("are found by their ids, and by the beginning or end of one", async () => {
    await using rig = new Rig();
    const store = pool(rig);
    for (const written of [ONE, "n1-77", "aaaaaaaaaaaa"]) {
      assertEquals(await findWorker(store, written), { runId: RUN, id: ONE });
    }
    assertEquals(await findWorker(store, "n7"), undefined);
    await assertRejects(() => findWorker(store, "n1-7"), UsageError, `it may be ${ONE}, ${OTHER}`);
  });

  it("have what their job wrote, and nothing of others' jobs", async () => {
    await using rig = new Rig();
    const store = pool(rig);
    const folder = join(rig.root, "slurm", "workers", "gpu", RUN);
    for (const name of ["furu.12.log", "furu.112.log", "furu.sh"]) write(join(folder, name), "words\n");
    const slurmRoot = join(rig.root, "slurm");
    assertEquals(await workerOutputs(store, { runId: RUN, id: ONE }, slurmRoot), [
      join(folder, "furu.12.log"),
    ]);
    assertEquals(await workerOutputs(store, { runId: RUN, id: OTHER }, slurmRoot), []);
  });
});
