import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Node } from "../../e2e/run_rig.ts";
import { type Script, until } from "../../rig.ts";
import { ClusterPoolRig } from "../pool/cluster_pool_rig.ts";

/** The ways to run on Slurm. */
export type Mode = "pool" | "dag";

/** What a pipeline is played with. */
export interface Stage {
  rig: ClusterPoolRig;
  mode: Mode;
  /** Milliseconds for each thing that is waited for. */
  withinMs: number;
  /** Flags of each `furu run`. */
  flags: readonly string[];
  /** Whatever was started, for messages. */
  scripts: Script[];
}

/** A pipeline and what people do with it. */
export interface Pipeline {
  name: string;
  roots: readonly Node[];
  /** How many times at most a task may begin where the site takes no job away. @default {1} */
  starts?: number;
  /** Runs it to its end, and judges what people saw. */
  play(stage: Stage): Promise<void>;
  /** What is to be in the store in the end. @default {all of it} */
  whole?: readonly Node[];
}

/** The most workers of any run. */
export const WORKERS = 3;

function leaves(count: number, does: string[] = [], name = "n"): Node[] {
  return Array.from({ length: count }, (_, i) => ({ id: `${name}${i}`, does }));
}

/** `furu run` of what is in `roots.json`. */
function run({ rig, mode, flags, scripts }: Stage, more: readonly string[] = []): Script {
  const ofPool = mode === "pool" ? ["--workers", `${WORKERS}`] : [];
  const script = rig.furu(["run", ClusterPoolRig.pipeline, "--slurm", mode, ...ofPool, ...flags, ...more]);
  scripts.push(script);
  return script;
}

function furu({ rig, scripts }: Stage, ...args: string[]): Script {
  const script = rig.furu(args);
  scripts.push(script);
  return script;
}

async function codeOf(script: Script, stage: Stage, what: string): Promise<number> {
  await until(() => !script.alive, `${what} has ended`, stage.withinMs);
  return (await script.ended()).code;
}

async function toTheEnd(stage: Stage): Promise<void> {
  assertEquals(await codeOf(run(stage), stage, "furu run"), 0, "furu run");
}

const base: Node = { id: "base", does: ["sleep 300"] };

/** The same for each site. */
export const PIPELINES: readonly Pipeline[] = [
  { name: "sweep", roots: leaves(8, ["sleep 200"]), play: toTheEnd },
  {
    name: "diamond",
    roots: [{ id: "top", needs: [{ id: "left", needs: [base] }, { id: "right", needs: [base] }] }],
    play: toTheEnd,
  },
  {
    name: "chain",
    roots: [{ id: "c3", needs: [{ id: "c2", needs: [{ id: "c1", does: ["sleep 300"] }] }] }],
    play: toTheEnd,
  },
  {
    name: "mixed",
    roots: [{ id: "train", spec: "gpu", needs: leaves(3, ["sleep 200"]) }, { id: "eval", needs: leaves(2) }],
    play: toTheEnd,
  },
  {
    name: "detached",
    roots: [{ id: "top", needs: leaves(4, ["sleep 300"]) }],
    async play(stage) {
      const script = run(stage, ["--detach"]);
      assertEquals(await codeOf(script, stage, "furu run --detach"), 0, "furu run --detach");
      const runId = script.stdout.trim();
      assertMatch(runId, /^slurm-\S+$/);
      assertEquals(await codeOf(furu(stage, "follow", runId), stage, "furu follow"), 0, "furu follow");
    },
  },
  {
    name: "failing",
    roots: [{ id: "stays", needs: [{ id: "bad", does: ["permanent as it was told"] }] }, ...leaves(3)],
    whole: leaves(3),
    async play(stage) {
      // One job for each artifact goes on by itself after a failure.
      const keepGoing = stage.mode === "pool" ? ["--keep-going"] : [];
      const script = run(stage, keepGoing);
      assertEquals(await codeOf(script, stage, "furu run"), 1, "furu run");
      assert((await script.ended()).output.includes("as it was told"), "it says why");
    },
  },
  {
    name: "cancelled",
    roots: leaves(4, ["heed runs"]),
    whole: [],
    async play(stage) {
      const script = run(stage, ["--detach"]);
      assertEquals(await codeOf(script, stage, "furu run --detach"), 0, "furu run --detach");
      await until(() => stage.rig.read("runs") !== "", "a task runs", stage.withinMs);
      const cancel = furu(stage, "cancel", script.stdout.trim());
      assertEquals(await codeOf(cancel, stage, "furu cancel"), 0, "furu cancel");
    },
  },
  {
    name: "taken up",
    roots: [{ id: "top", needs: [{ id: "gate", does: ["touch gate", "await go"] }, ...leaves(3)] }],
    async play(stage) {
      const first = run(stage);
      await until(() => stage.rig.starts("gate").length > 0 || !first.alive, "a task runs", stage.withinMs);
      assert(first.alive, "the first run goes on");
      first.kill("SIGKILL");
      await first.ended();
      const again = run(stage);
      // Whoever takes it up has seen what is there when it says so.
      await until(() => again.stderr !== "" || !again.alive, "the second run says something", stage.withinMs);
      stage.rig.write("go");
      assertEquals(await codeOf(again, stage, "the second furu run"), 0, "the second furu run");
    },
  },
];
