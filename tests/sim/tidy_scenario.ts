import { z } from "zod";
import { errorCode, furuErrorName } from "../../lib/core/errors.ts";
import { currentContext } from "../../lib/run/context.ts";
import { getWith } from "../../lib/run/get/get.ts";
import { type ArtifactPaths, artifactPaths } from "../../lib/store/layout.ts";
import { parseClaimRecord, parseSuccessRecord } from "../../lib/store/record.ts";
import { Store } from "../../lib/store/store.ts";
import { defineTask } from "../../lib/task/define.ts";
import { Ages } from "../../lib/tidy/ages.ts";
import { readGraph } from "../../lib/tidy/graph.ts";
import { findInUse, type InUse } from "../../lib/tidy/in_use.ts";
import { litterRemovals } from "../../lib/tidy/litter.ts";
import { artifactRemoval, keepOwner, unfinishedRemovals } from "../../lib/tidy/remove_artifact.ts";
import { type Removal, removeAll } from "../../lib/tidy/removal.ts";
import { mixedFaults } from "./faults.ts";
import { checkEnds, runtimeNow } from "./get_scenario.ts";
import type { Scenario } from "./scenario.ts";
import { ROOT, SIM_CONFIG, simRuntime } from "./sim_runtime.ts";
import { afterwards } from "./store_invariants.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

const BYTES = 5000;

/**
 * What is not played: a host that is told of another one's claim a minute later cannot know what that one loads
 * meanwhile.
 */
const NOT_PLAYED = ["staleList", "staleNegative", "staleStat"] as const;

/** What happens while `Outer` is computed in the world that is played now. */
let computing: () => Promise<void> = () => Promise.reject(new Error("No world is played"));

const Inner = defineTask({
  name: "sim/TidyInner",
  params: z.object({ seed: z.int() }),
  // A typed array becomes a file beside the record.
  create: async (): Promise<Uint8Array> => {
    await runtimeNow().machine.clock.sleep(50);
    return new Uint8Array(BYTES).fill(7);
  },
});

const Outer = defineTask({
  name: "sim/TidyOuter",
  params: z.object({ inner: Inner.schema }),
  create: async ({ params }): Promise<number> => {
    const value = await getWith(runtimeNow(), currentContext(), params.inner) as Uint8Array;
    await computing();
    return value.length;
  },
});

/** What a broken rule would let the removers do. */
export interface TidyScenarioOptions {
  /** Changes what is known to be in use. @default nothing */
  breaking?: (inUse: InUse) => InUse;
}

/** Processes compute while others remove what they can, and sweep. */
export function tidyScenario(
  name: string,
  { breaking = (inUse) => inUse }: TidyScenarioOptions = {},
): Scenario {
  return {
    name,
    about:
      "2 processes compute one artifact in another one, 2 remove and sweep: no half result, nothing that is " +
      "in use goes, afterwards all is to be had and no litter of the dead hinders",
    faults: (random) => random.chance(1 / 3) ? {} : mixedFaults(random, NOT_PLAYED),
    maxSteps: 60_000,
    run: async (world, random) => {
      world.disk.mkdir(ROOT, world.host("a"), ROOT);
      const inner = Inner({ seed: 1 });
      const outer = Outer({ inner });
      const [below, above] = [artifactPaths(ROOT, inner), artifactPaths(ROOT, outer)];
      /** Removers that are at work, by the number of their beginning. */
      let looks = 0;
      putEnd(world, above, { inner: { $artifact: [inner.name, inner.hash] } });
      const open = new Set<number>();
      /** Found by a task, whose errors are its own failures. */
      let wrong: Violation | undefined;
      computing = async () => {
        const { machine } = runtimeNow();
        const claim = world.disk.read(above.claim);
        // A remover may have looked before this was claimed.
        const isSure = open.size === 0 && world.disk.read(below.record) !== undefined;
        await machine.clock.sleep(2000 + random.int(20_000));
        // A process that was declared dead has no rights.
        if (claim === undefined || world.disk.read(above.claim) !== claim || isDead(world, claim)) return;
        if (isSure && world.disk.read(below.record) === undefined) {
          wrong ??= new Violation("what is loaded now was removed");
        }
      };
      world.watch(() => {
        const text = world.disk.read(below.record);
        if (text === undefined) return;
        const { attempt, id, valueFile, value } = parseSuccessRecord(text, below.record, below);
        const file = valueFile ?? /"([^"]+\.bin)"/.exec(JSON.stringify(value))?.[1];
        if (file === undefined) throw new Violation("the value is in no file");
        const dir = `${below.home}/${attempt}-${id}`;
        if (world.disk.read(`${dir}/${file}`)?.length !== BYTES) throw new Violation("half a result");
      });
      for (const host of ["a", "b"]) {
        world.spawn("get", host, async (machine, signal) => {
          const runtime = simRuntime(machine, signal);
          for (let turn = 0; turn < 3; turn++) {
            await getWith(runtime, undefined, outer, { signal });
            await machine.clock.sleep(random.scale(1, 5000));
          }
        }, { restart: true });
        world.spawn("tidy", host, async (machine) => {
          const { leaseSec, heartbeatSec } = SIM_CONFIG;
          const store = new Store(machine, { root: ROOT, leaseSec, heartbeatSec });
          for (let turn = 0; turn < 4; turn++) {
            await machine.clock.sleep(1 + random.int(8000));
            const look = ++looks;
            open.add(look);
            try {
              await tidy(store, breaking);
            } catch (error) {
              if (errorCode(error) === undefined && furuErrorName(error) === undefined) throw error;
            }
            open.delete(look);
          }
        });
      }
      await world.run();
      if (wrong) throw wrong;
      checkEnds(world);
      const value = await afterwards(
        world,
        (machine, signal) => getWith(simRuntime(machine, signal), undefined, outer),
      );
      if (value !== BYTES) throw new Violation(`afterwards somebody gets ${value}`);
    },
  };
}

/** As `furu rm` of all and `furu gc` do it. */
async function tidy(store: Store, breaking: (inUse: InUse) => InUse): Promise<void> {
  const context = { store, ages: await Ages.of(store) };
  const graph = await readGraph(store);
  const inUse = breaking(await findInUse(context, graph));
  const all = [...graph.artifacts.values()].filter(({ name }) => name === "sim/TidyInner");
  const going = new Set([...all, ...unfinishedRemovals(all, inUse)]);
  const end = keepOwner(store);
  try {
    const removals: Removal[] = [];
    for (const artifact of going) {
      if (!inUse.reasons.has(artifact.hash)) removals.push(await artifactRemoval(context, artifact, inUse));
    }
    const litter = await litterRemovals(context, { graph, inUse });
    await removeAll([...removals, ...litter.filter(({ hash }) => hash === undefined)]);
  } finally {
    await end();
  }
}

/** Of a failed attempt, which tells the parameters: without it nobody knows what one that computes may load. */
function putEnd(world: World, paths: ArtifactPaths, params: unknown): void {
  const host = world.host("a");
  for (let at = paths.home.indexOf("/", ROOT.length + 1); at > 0; at = paths.home.indexOf("/", at + 1)) {
    world.disk.mkdir(paths.home.slice(0, at), host, ROOT);
  }
  world.disk.mkdir(paths.home, host, ROOT);
  const at = "2026-01-01T00:00:00.000Z";
  const end = {
    schema: 1,
    id: "00000000000e",
    attempt: 1,
    kind: "failed",
    failure: "compute",
    error: "bad",
    params,
  };
  const owner = { host: "far", pid: 7 };
  const text = JSON.stringify({ ...end, owner, startedAt: at, endedAt: at });
  world.disk.put(`${paths.home}/end-00000000000e.json`, text, host);
}

function isDead(world: World, claim: string): boolean {
  const { dir } = parseClaimRecord(claim, "claim");
  return dir !== undefined && world.disk.read(`${ROOT}/${dir}/dead.json`) !== undefined;
}
