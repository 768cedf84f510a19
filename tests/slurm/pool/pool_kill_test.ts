import { assert, assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import type { Node } from "../../e2e/run_rig.ts";
import type { Script } from "../../rig.ts";
import { Random } from "../../sim/random.ts";
import type { Cluster } from "../cluster.ts";
import { ClusterPoolRig, reportOf } from "./cluster_pool_rig.ts";
import { describeOnSlurm } from "../suite.ts";

/**
 * Each kind of death beside each other, and beside itself. A longer loop, or a failed one again:
 * `FURU_TEST_ROUNDS=200 FURU_TEST_SEED=1`.
 */
const ROUNDS = Number(Deno.env.get("FURU_TEST_ROUNDS") ?? 16);
const SEED = Number(Deno.env.get("FURU_TEST_SEED") ?? Date.now() % 1e6);

const VICTIMS = ["computing process", "worker", "controller", "node"] as const;
type Victim = typeof VICTIMS[number];

/** Twenty tasks in three layers: each takes some of those below. */
function graph(random: Random): Node[] {
  const layer = (name: string, count: number, below: Node[]): Node[] =>
    Array.from({ length: count }, (_, i) => ({
      id: `${name}${i}`,
      does: [`sleep ${random.int(80)}`],
      needs: random.shuffle([...below]).slice(0, 3),
    }));
  return layer("c", 3, layer("b", 5, layer("a", 12, [])));
}

/** One run, and what is killed of it. */
class Round {
  readonly #rig: ClusterPoolRig;
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly roots: Node[];
  #script: Script;
  /** How often something was killed in which tasks may have been. */
  deaths = 0;
  readonly told: string[] = [];

  constructor(rig: ClusterPoolRig, cluster: Cluster, random: Random) {
    this.#rig = rig;
    this.#cluster = cluster;
    this.#random = random;
    this.roots = graph(random);
    this.#script = this.#start();
  }

  async run(victims: readonly Victim[]): Promise<void> {
    for (const victim of victims) {
      // From before the first worker begins until the last tasks.
      await delay(this.#random.int(1500));
      await this.#kill(victim);
    }
    const { summary, error, messages } = await reportOf(this.#script);
    const hint = [...this.told, ...messages].join("\n");
    assertEquals({ error, failures: summary?.failures }, { error: undefined, failures: [] }, hint);
    await this.#rig.left();
    this.#rig.assertWhole(this.roots, hint);
    for (const [id, starts] of Map.groupBy(this.#rig.starts(), (start) => start.id)) {
      assert(starts.length <= 1 + this.deaths, `${id} began ${starts.length} times\n${hint}`);
    }
  }

  #start(): Script {
    return this.#rig.start(this.roots, { options: { maxComputeRetries: 4 } });
  }

  async #kill(victim: Victim): Promise<void> {
    switch (victim) {
      case "computing process":
        return this.#killOne(victim, this.#rig.starts().slice(-3).map(({ pid }) => pid));
      case "worker":
        return this.#killOne(victim, this.#rig.workers().map(({ owner }) => owner.pid));
      case "controller": {
        this.#script.kill("SIGKILL");
        await this.#script.ended();
        this.told.push("killed the controller");
        this.#script = this.#start();
        return;
      }
      case "node": {
        const node = this.#random.pick(this.#cluster.partitions.cpu!);
        this.deaths++;
        this.told.push(`killed node ${node}`);
        await this.#cluster.killSlurmd(node);
        await this.#cluster.setNodeState(node, "down");
        await this.#cluster.startSlurmd(node);
        await this.#cluster.setNodeState(node, "resume");
        return;
      }
    }
  }

  /** There may be none yet, or none any more. */
  #killOne(victim: Victim, pids: readonly number[]): void {
    const there = pids.filter((pid) => this.#rig.owns(pid));
    if (there.length === 0) return void this.told.push(`there was no ${victim}`);
    const pid = this.#random.pick(there);
    this.deaths++;
    this.told.push(`killed ${victim} ${pid}`);
    Deno.kill(pid, "SIGKILL");
  }
}

describeOnSlurm(`a pool of which something is killed at random (seed ${SEED})`, (suite) => {
  // Each kind of death in as many rounds as the others, and each beside each other.
  for (let first = 0; first < VICTIMS.length; first++) {
    const rounds = Math.ceil(ROUNDS / VICTIMS.length);
    suite.it(`ends with every result, ${rounds} times when it is the ${VICTIMS[first]}`, async () => {
      for (let i = 0; i < rounds; i++) {
        const seed = SEED + first * 1000 + i;
        await using rig = new ClusterPoolRig(suite.cluster);
        const random = new Random(seed);
        const round = new Round(rig, suite.cluster, random);
        const victims = [VICTIMS[first]!, VICTIMS[i % VICTIMS.length]!];
        await round.run(random.shuffle(victims)).catch((error) => {
          const told = `seed ${seed}: ${round.told.join(", ")}`;
          throw new Error(`${told}\n${error}\n${rig.logs()}`, { cause: error });
        });
      }
    });
  }
});
