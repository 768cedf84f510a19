import { assertEquals } from "@std/assert";
import type { Hash } from "../../../lib/core/hash.ts";
import { describe, it } from "@std/testing/bdd";
import type { PoolContext } from "../../../lib/pool/controller/context.ts";
import { tidyClaims } from "../../../lib/pool/controller/settle_tasks.ts";
import { enterQueue } from "../../../lib/queue/worker_dir.ts";
import { fenceWorker } from "../../../lib/queue/fence.ts";
import { commitRecord } from "../../../lib/store/results/commit.ts";
import { readRecord } from "../../../lib/store/read_record.ts";
import { tryClaim } from "../../../lib/store/claims/claim.ts";
import type { Runtime } from "../../../lib/run/runtime.ts";
import type { Artifact } from "../../../lib/task/artifact/artifact.ts";
import { artifact, PoolRig } from "../rig.ts";

describe("tidyClaims()", () => {
  it("removes what workers left that died after they had stored a result, and no other claim", async () => {
    await using rig = new PoolRig();
    const [stored, overtaken, foreign, alive] = [1, 2, 3, 4].map((value) => artifact(() => value));
    await rig.begin([stored!, overtaken!, foreign!, alive!]);
    await rig.control();
    const dying = rig.process();
    const claim = async (of: Artifact, runtime: Runtime, run = rig.run.runId): Promise<string> => {
      const paths = runtime.store.paths(of);
      const taken = await tryClaim(runtime.store, paths, { backend: "pool", run, worker: "w" });
      if (taken.kind !== "claimed") throw new Error("it is claimed already");
      return taken.claim.attempt.id;
    };
    const id = await claim(stored!, dying);
    // The record is made that attempt's own.
    const home = dying.store.paths(stored!);
    const old = (await readRecord(dying.store, home))!;
    const { sum: _sum, ...whole } = JSON.parse(await Deno.readTextFile(home.record));
    const text = JSON.stringify({ ...whole, id });
    await commitRecord(dying.store, {
      paths: home,
      attempt: { n: 2, id },
      text,
      files: [],
      ownerDir: rig.rig.root,
      replaces: old.id,
    });
    await claim(overtaken!, dying);
    await claim(foreign!, dying, "another");
    await claim(alive!, rig.process());
    rig.kill(dying.pid);
    const runtime = rig.process();
    const claimed = (): string[] =>
      [stored!, overtaken!, foreign!, alive!].filter((each) =>
        [...rig.rig.tree()].includes(`artifacts/${each.name}/${each.hash}.claim`)
      ).map(({ name }) => name);
    const state = {
      runtime,
      paths: rig.paths,
      run: rig.run,
      leadership: { check: () => Promise.resolve() },
      artifactOf: (hash: Hash) => rig.artifacts.get(hash),
    };
    const tidy = () => tidyClaims(state as unknown as PoolContext);
    // Where no worker has died nothing is looked at.
    await tidy();
    assertEquals(claimed().length, 4);
    const worker = await enterQueue(runtime.store, rig.paths, { spec: "default", node: "n1", slots: 1 });
    await fenceWorker(runtime.store, rig.paths, { spec: "default", id: worker.id }, {
      kind: "lost",
      why: "?",
    });
    await tidy();
    assertEquals(claimed(), [foreign!.name, alive!.name]);
    assertEquals((await readRecord(runtime.store, home))?.id, id);
  });
});
