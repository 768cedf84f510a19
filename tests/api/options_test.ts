import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  ConfigError,
  type ConfigOptions,
  configure,
  defineTask,
  get,
  type GetOptions,
  plan,
  type PlanRootsOptions,
  type ResultsOptions,
  type RunDagOptions,
  runLocal,
  type RunLocalOptions,
  type RunPoolOptions,
  type RunProgramOptions,
  runSlurm,
  table,
  type TaskOptions,
  ValidationError,
  z,
} from "@furu/furu";
import { Rig } from "../rig.ts";

/** Values that an option cannot have: one at least for each of them, which the compiler holds. */
type BadValues<O> = Readonly<Record<keyof Required<O> & string, readonly unknown[]>>;

interface Call {
  /** The function, as errors name it. */
  name: string;
  call: (options: never) => unknown;
  bad: Readonly<Record<string, readonly unknown[]>>;
  /** Options that nothing else than their own value is wrong with. */
  base?: Record<string, unknown>;
}

const One = defineTask({ name: "options/One", params: z.object({}), create: () => 1 });
const Runs = defineTask({
  name: "options/Runs",
  params: z.object({ n: z.int() }),
  create: async ({ run }) => await run(["true"], given as never),
});
let given: unknown;
let runs = 0;

const BOOLEAN = ["yes", 1, null];
const COUNT = [0, -1, 1.5, "4", NaN];
const SECONDS = [0, -1, "2", Infinity, NaN];
const FORCE = ["options/One", [1], true];
const SIGNAL = [{}, "now", new AbortController()];
const LIMITS = [3, "license=3", { "a b": 1 }, { license: 0 }, { license: 1.5 }];
const PRIORITIES = [1, [], { "options/One": 0.5 }, { nope: 1 }, () => 0.5];
const COUNTS = [...COUNT, true, null, [], { gpu: 0 }, { gpu: undefined }];
const CONFIGURED = {
  maxComputeRetries: [-1, 1.5, "3"],
  retryFailed: ["no", 0],
  maxHeapMb: [0, "1GB"],
  maxTasksPerWorker: COUNT,
  maxWorkerMb: COUNT,
};

const ofGet: BadValues<GetOptions> = { force: BOOLEAN, signal: SIGNAL };
const ofPlan: BadValues<PlanRootsOptions> = {
  force: FORCE,
  forceDependents: BOOLEAN,
  priority: PRIORITIES,
  signal: SIGNAL,
};
const ofTable: BadValues<ResultsOptions<Record<never, never>>> = {
  where: ["lr=1", { lr: 1 }],
  status: ["done", [], ["DONE", "TODO"], null],
};
const NOTIFY = ["", " ", [], true, "https://", { command: "" }, { url: "ftp://x" }, {
  url: "https://x",
  on: ["begin"],
}, {}];
const ofRunLocal: BadValues<RunLocalOptions> = {
  notify: NOTIFY,
  ...CONFIGURED,
  maxWorkers: COUNTS,
  window: [0, 1.5, "DFS", null],
  keepGoing: BOOLEAN,
  force: FORCE,
  forceDependents: BOOLEAN,
  isolation: ["none", true],
  limits: LIMITS,
  priority: PRIORITIES,
  onEvent: ["log"],
  progress: ["loud", false],
  signal: SIGNAL,
  entry: [new URL("file:///x.ts")],
};
const ofDag: BadValues<RunDagOptions> = {
  notify: NOTIFY,
  ...CONFIGURED,
  mode: ["pol", null],
  specs: [3, { default: { partitoin: "gpu" } }],
  cluster: ["all", "east,west", "", 3],
  detach: BOOLEAN,
  forceDependents: BOOLEAN,
  force: FORCE,
  maxPreemptRetries: [-1, "5"],
  squeueIntervalSec: SECONDS,
  priority: PRIORITIES,
  onEvent: ["log"],
  progress: ["loud", false],
  signal: SIGNAL,
  snapshot: BOOLEAN,
  entry: [new URL("file:///x.ts")],
};
const ofPool: BadValues<RunPoolOptions> = {
  ...ofDag,
  maxWorkers: COUNTS,
  window: [0, 1.5, "DFS", null],
  idleTimeoutSec: [-1, "1", Infinity],
  pollIntervalSec: SECONDS,
  leaseSec: SECONDS,
  tasksPerWorker: COUNT,
  keepGoing: BOOLEAN,
  limits: LIMITS,
  launcher: ["mpirun"],
  takeOver: BOOLEAN,
};
const ofConfigure: BadValues<ConfigOptions> = {
  notify: NOTIFY,
  ...CONFIGURED,
  root: ["", 3],
  slurmRoot: ["", 3],
  scratchDir: ["", 3],
  recomputeDamaged: ["yes"],
  maxPreemptRetries: [-1],
  alwaysRerun: ["options/One", [1]],
  leaseSec: SECONDS,
  heartbeatSec: SECONDS,
  staleAfterSec: SECONDS,
  maxWaitSec: SECONDS,
  pollIntervalSec: SECONDS,
  maxCreates: COUNT,
  limits: LIMITS,
  logLevel: ["loud"],
  recordGit: ["always"],
  slurm: [3, { squeueIntervalSec: 0 }, { nodesSubmit: "no" }],
};
const ofDefineTask: BadValues<TaskOptions<z.ZodObject, unknown>> = {
  name: ["", ".a", 3],
  params: [z.string(), undefined],
  create: [undefined, 1],
  load: [1],
  validate: [true],
  dependencies: [[]],
  spec: ["", "a/b", 3],
  version: [NaN, {}],
  unhashed: [["nope"]],
  legacy: [{ nope: 1 }],
  migrations: [{}, [3], [{ from: { nme: "a/B" } }], [{ from: { name: ".a" } }], [{ from: {}, params: 1 }]],
  timeLimit: [0, "1m", NaN],
  limits: [3, ["a b"], { license: -1 }, ["license", { license: 1 }], [[]]],
  priority: [0.5, "high", 2_000_000],
  tolerate: ["nope", ["nope"], [1]],
  retries: [-1, 1.5, "3"],
  retryDelaySec: [-1, Infinity, "3"],
  retryable: [true],
  module: [],
};
const ofRun: BadValues<RunProgramOptions> = {
  cwd: [3, {}],
  env: ["A=1", { A: 1 }],
  stdin: [3, {}],
  stdout: [3, true],
};

const one = One({});
const CALLS: Call[] = [
  { name: "get", call: (options) => get(one, options), bad: ofGet },
  { name: "plan", call: (options) => plan(one, options), bad: ofPlan },
  { name: "table", call: (options) => table(One, options), bad: ofTable },
  {
    name: "runLocal",
    call: (options) => runLocal(one, options),
    bad: ofRunLocal,
    base: { progress: "none" },
  },
  {
    name: "runSlurm",
    call: (options) => runSlurm(one, options),
    bad: ofPool,
    base: { progress: "none", specs: { default: {} } },
  },
  {
    name: "runSlurm",
    call: (options) => runSlurm(one, options),
    bad: { ...ofDag, mode: [] },
    base: { progress: "none", specs: { default: {} }, mode: "dag" },
  },
  { name: "configure()", call: (options) => configure(options), bad: ofConfigure },
  {
    name: "task",
    call: (options) => defineTask(options),
    bad: ofDefineTask,
    base: { name: "options/Bad", params: z.object({ a: z.int() }), create: () => 1 },
  },
  {
    name: "ctx.run",
    call: async (options) => {
      given = options;
      await get(Runs({ n: runs++ }));
    },
    bad: ofRun,
  },
];

async function refusal(call: Call, options: unknown): Promise<string> {
  const error = await assertRejects(async () => await call.call(options as never), Error);
  const cause = error instanceof ValidationError || error instanceof ConfigError ? error : error.cause;
  assert(cause instanceof ValidationError || cause instanceof ConfigError, `${call.name}: ${error}`);
  return cause.message;
}

async function inStore(test: () => Promise<void>): Promise<void> {
  await using rig = new Rig();
  configure({ root: rig.root, recordGit: "ignore", logLevel: "error" });
  await test();
}

describe("options", () => {
  for (const call of CALLS) {
    const mode = call.base?.mode === undefined ? "" : ` with mode "${call.base.mode}"`;
    it(`of ${call.name}${mode} that do not exist are refused with the nearest one, and all that there are`, () =>
      inStore(async () => {
        for (const name of Object.keys(call.bad)) {
          const message = await refusal(call, { ...call.base, [`${name}x`]: 1 });
          assertStringIncludes(message, `'${name}x'`);
          assertStringIncludes(message, `did you mean '${name}'?`);
          assertStringIncludes(message, call.name);
          for (const each of Object.keys(call.bad)) assertStringIncludes(message, each);
        }
        const message = await refusal(call, { ...call.base, somethingElse: 1 });
        assertStringIncludes(message, "'somethingElse'");
      }));

    it(`of ${call.name}${mode} have values that are checked`, () =>
      inStore(async () => {
        for (const [name, values] of Object.entries(call.bad)) {
          for (const value of values) {
            const message = await refusal(call, { ...call.base, [name]: value });
            const word = name === "force" ? "force" : name === "specs" ? "spec" : name;
            assertStringIncludes(message, word, Deno.inspect(value));
          }
        }
      }));
  }

  it("by their former names are refused with today's", () =>
    inStore(async () => {
      const [pool] = CALLS.filter(({ name }) => name === "runSlurm") as [Call];
      const former = {
        windowSize: "'window'",
        preemptMax: "'maxPreemptRetries'",
        intervalSec: "'squeueIntervalSec'",
        wait: "use 'detach', which says the opposite",
      };
      for (const [name, words] of Object.entries(former)) {
        assertStringIncludes(await refusal(pool, { [name]: false }), words);
      }
    }));

  it("of one mode of runSlurm are refused in the other, by name", () =>
    inStore(async () => {
      const dag = CALLS.find(({ base }) => base?.mode === "dag")!;
      for (const name of Object.keys(ofPool).filter((each) => !Object.hasOwn(ofDag, each))) {
        assertEquals(
          await refusal(dag, { mode: "dag", [name]: 1 }),
          `Cannot use ${name} with mode "dag": it is an option of mode "pool"`,
        );
      }
    }));

  it("that are no object are refused", () =>
    inStore(async () => {
      for (const call of CALLS.filter(({ name }) => ["get", "plan", "runLocal", "runSlurm"].includes(name))) {
        for (const options of [0, 4, null, "dfs", []]) {
          assertStringIncludes(
            await refusal(call, options),
            `options of ${call.name} as they must be an object`,
          );
        }
      }
    }));

  it("that are undefined count as not given", () =>
    inStore(async () => {
      const nothing = (bad: object) => Object.fromEntries(Object.keys(bad).map((name) => [name, undefined]));
      assertEquals(await get(one, nothing(ofGet)), 1);
      assertEquals((await plan(one, nothing(ofPlan))).counts.done, 1);
      assertEquals((await runLocal(one, { ...nothing(ofRunLocal), progress: "none" })).cached, 1);
    }));
});
