import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "@std/path/posix/join";
import { controlPool } from "../lib/pool/controller/control_pool.ts";
import { shelfOf } from "../lib/queue/shelf.ts";
import { readPoolHead, readRun } from "../lib/remote/run_record.ts";
import { remoteArtifacts } from "../lib/remote/remote_artifact.ts";
import type { Hash } from "../lib/core/hash.ts";
import type { Artifact } from "../lib/task/artifact/artifact.ts";
import { artifact, PoolRig } from "../tests/pool/rig.ts";
import { fullRows } from "./scale_full.ts";
import { type Bench, type BenchContext, count, type Row } from "./bench.ts";

const STEPS = 20;

/** What grows with the size of a pool's run, and what does not: inside one process, on the local disk. */
export const scaleBench: Bench = {
  name: "scale",
  description: "a pool's chain beside much that is done, cancelling what is queued, what a worker reads",
  async run({ quick, full, note }: BenchContext): Promise<Row[]> {
    const sizes = quick ? [0, 2000] : [0, 20_000, 100_000];
    const rows: Row[] = [];
    for (const done of sizes) rows.push(await chainRow(done));
    rows.push(await withdrawRow(quick ? 1000 : 20_000));
    rows.push(await recordRow(quick ? 1000 : 100_000));
    if (full) rows.push(...await fullRows({ workers: 200, processes: 4, tasks: 100_000 }, note));
    else if (quick) rows.push(...await fullRows({ workers: 8, processes: 2, tasks: 200 }, note));
    return rows;
  },
};

async function control(rig: PoolRig, signal?: AbortSignal): Promise<number> {
  const runtime = rig.process();
  const claim = await rig.role(runtime);
  const begun = performance.now();
  await controlPool(runtime, {
    paths: rig.paths,
    run: rig.run,
    claim,
    launcher: rig.launcher,
    artifactOf: remoteArtifacts(rig.run),
    onEvent: () => {},
    signal: signal ?? new AbortController().signal,
  });
  return performance.now() - begun;
}

async function chainRow(done: number): Promise<Row> {
  await using rig = new PoolRig();
  const chain: Artifact[] = [];
  for (let each = 0; each < STEPS; each++) chain.push(artifact(() => each, chain.slice(-1)));
  await rig.begin(chain.slice(-1), { maxWorkers: 1 });
  for (let each = 0; each < done; each++) {
    const hash = (each * 2654435761 % 2 ** 32).toString(16).padStart(8, "0").padEnd(32, "0") as Hash;
    const shelf = shelfOf(rig.paths, "done", { hash });
    mkdirSync(shelf, { recursive: true });
    writeFileSync(join(shelf, `${hash}.1.0.json`), "");
  }
  const value = await control(rig) / STEPS;
  return {
    what: `pool in one process, a chain beside ${count(done)} tasks that are done, each step`,
    furu: { value, unit: "ms" },
  };
}

async function withdrawRow(queued: number): Promise<Row> {
  await using rig = new PoolRig();
  await rig.begin(Array.from({ length: queued }, () => artifact(() => 1)), { maxWorkers: 1 });
  rig.launcher.starts = false;
  const stop = new AbortController();
  const ended = control(rig, stop.signal);
  while (rig.files("todo").length < Math.min(queued, 10_000)) await new Promise((go) => setTimeout(go, 200));
  const begun = performance.now();
  stop.abort(new Error("Ctrl-C"));
  await ended;
  return {
    what: `pool, cancelling ${count(queued)} tasks that no worker has begun`,
    furu: { value: performance.now() - begun, unit: "ms" },
  };
}

async function recordRow(nodes: number): Promise<Row> {
  await using rig = new PoolRig();
  await rig.begin(Array.from({ length: nodes }, () => artifact(() => 1)));
  const runtime = rig.process();
  const measure = async (read: () => Promise<unknown>): Promise<number> => {
    const begun = performance.now();
    await read();
    return performance.now() - begun;
  };
  const whole = await measure(() => readRun(runtime, rig.paths, "pool"));
  return {
    what: `pool of ${count(nodes)} artifacts, what a worker reads of its run`,
    furu: { value: await measure(() => readPoolHead(runtime, rig.paths)), unit: "ms" },
    reference: { value: whole, unit: "ms", tool: "furu, with all nodes" },
  };
}
