import { z } from "zod";
import { TooLittleError } from "../../lib/core/errors.ts";
import type { Hash } from "../../lib/core/hash.ts";
import { currentContext } from "../../lib/run/context.ts";
import { getWith } from "../../lib/run/get/get.ts";
import type { Artifact } from "../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../lib/task/define.ts";
import { runtimeNow } from "./get_scenario.ts";
import type { Random } from "./random.ts";

/** What `create` does in the world that is played now: tasks are defined once, worlds come and go. */
let creating: (hash: Hash, signal: AbortSignal) => Promise<void> = () =>
  Promise.reject(new Error("No world is played"));

/** Whether some of the artifacts take a unit of a limit. */
let limited = false;

const Leaf = defineTask({
  name: "pool/Leaf",
  limits: ({ n }: { n: number }) => limited && n % 2 === 0 ? "license" : undefined,
  priority: ({ n }: { n: number }) => limited && n > 2 ? n - 3 : undefined,
  params: z.object({ n: z.int() }),
  // Controllers die meanwhile.
  retryDelaySec: (attempt) => 5 * attempt,
  create: async ({ params, hash, signal }): Promise<number> => {
    await creating(hash, signal);
    return params.n;
  },
});

const Side = defineTask({
  name: "pool/Side",
  spec: ["gpu", "big"],
  limits: () => limited ? "license" : undefined,
  params: z.object({ base: Leaf.schema, left: z.boolean() }),
  create: async ({ params, hash, signal }): Promise<number> => {
    await creating(hash, signal);
    return 1 + await load(params.base);
  },
});

const Top = defineTask({
  name: "pool/Top",
  params: z.object({ sides: z.array(Side.schema) }),
  create: async ({ params, hash, signal }): Promise<number> => {
    await creating(hash, signal);
    let sum = 0;
    for (const side of params.sides) sum += await load(side);
    return sum;
  },
});

/** What a world's runs are about: a diamond over two specs, and a few artifacts beside it. */
export interface PoolGraph {
  /** What is wanted. */
  roots: Artifact[];
  /** All that the roots reach. */
  all: Artifact[];
  /** How often each was created. */
  creates: Map<Hash, number>;
  /** Told of each create, and by which process. */
  onCreate: (hash: Hash, pid: number, creating: { done: boolean; signal: AbortSignal }) => void;
  /** How many units the limit has that some of them take. */
  units: number | undefined;
  /** Does `create` throw now and then? */
  failing: boolean;
  /** Have some too little memory in spec `gpu`? */
  hungry: boolean;
}

/**
 * The graph for the world that begins now.
 *
 * @param beside How many artifacts stand beside the diamond, at most.
 * @param isLimited Whether some of them take units of a limit.
 */
export function poolGraph(random: Random, beside: number, isLimited = false): PoolGraph {
  limited = isLimited;
  const base = Leaf({ n: 1 });
  const sides = [Side({ base, left: true }), Side({ base, left: false })];
  const top = Top({ sides });
  const others = Array.from({ length: random.int(beside + 1) }, (_, i) => Leaf({ n: 2 + i }));
  const graph: PoolGraph = {
    roots: random.shuffle([top, ...others]),
    all: [base, ...sides, top, ...others],
    creates: new Map(),
    onCreate: () => {},
    units: isLimited ? 1 + random.int(2) : undefined,
    failing: random.chance(0.25),
    hungry: random.chance(0.25),
  };
  const longestMs = random.pick([100, 3000, 3000, 40_000]);
  creating = async (hash, signal) => {
    graph.creates.set(hash, (graph.creates.get(hash) ?? 0) + 1);
    const now = { done: false, signal };
    graph.onCreate(hash, runtimeNow().machine.self.pid, now);
    const heeds = random.chance(0.5); // else only the grace ends it
    await runtimeNow().machine.clock.sleep(random.scale(1, longestMs), heeds ? signal : undefined)
      .finally(() => now.done = true);
    const context = currentContext();
    if (graph.hungry && context?.mode === "executor" && context.spec === "gpu") {
      throw new TooLittleError("memory", "it is hungry");
    }
    if (graph.failing && random.chance(0.3)) throw new Error("the task failed");
  };
  return graph;
}

async function load(artifact: Artifact): Promise<number> {
  return await getWith(runtimeNow(), currentContext(), artifact) as number;
}
