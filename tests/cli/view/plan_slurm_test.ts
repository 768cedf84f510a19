import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { planSlurm, slurmPlanText } from "../../../lib/cli/view/plan_slurm.ts";
import type { PlanView, ViewNode } from "../../../lib/cli/view/plan_view.ts";
import { SlurmError } from "../../../lib/core/errors.ts";
import type { Hash } from "../../../lib/core/hash.ts";
import type { Partition } from "../../../lib/slurm/client/parse_config.ts";
import { furu } from "../rig.ts";

const CPU: Partition = { name: "cpu", isDefault: true, nodes: 2, cpus: 4, memoryMb: 4096, gpus: 0 };
const partitions = () => Promise.resolve([CPU, { ...CPU, name: "gpu", isDefault: false, gpus: 2 }]);
const specs = {
  default: { timeMin: 5 },
  gpu: { partition: "gpu", gpus: 1, extra: { comment: "it's mine" } },
};

function planOf(...nodes: [status: ViewNode["status"], spec: string, state?: ViewNode["state"]][]): PlanView {
  const views = nodes.map(([status, spec, state], i): ViewNode => ({
    hash: `${i}`.padEnd(32, "0"),
    name: `toy/${spec}`,
    status,
    spec,
    dependencies: [],
    ...(state ? { state } : {}),
  }));
  return { roots: views.map(({ hash }) => hash), nodes: new Map(views.map((view) => [view.hash, view])) };
}

describe("planSlurm()", () => {
  it("counts the jobs of each spec, with what sbatch would be given for them", async () => {
    const plan = planOf(["TODO", "gpu"], ["TODO", "default"], ["TODO", "gpu"], ["DONE", "big"], [
      "IN_PROGRESS",
      "default",
    ]);
    const jobs = await planSlurm(plan, { mode: "dag", specs, partitions });
    assertEquals(jobs.problems, []);
    assertEquals(slurmPlanText(jobs).split("\n"), [
      "",
      "--slurm dag would submit 3 jobs:",
      "SPEC     JOBS  SBATCH",
      "gpu         2  --partition=gpu --nodes=1 --cpus-per-task=1 --gres=gpu:1 --time=60 '--comment=it'\\''s mine'",
      "default     1  --nodes=1 --cpus-per-task=1 --time=5",
      "",
    ]);
  });

  it("counts the first workers of a pool by the limits, and says what these have against a run", async () => {
    const plan = planOf(["TODO", "gpu"], ["TODO", "gpu"], ["TODO", "gpu"], ["TODO", "default"]);
    const nodes = new Map([...plan.nodes].map(([hash, node]) => [hash, { ...node, limits: { license: 1 } }]));
    const limited = { ...plan, nodes };
    const pool = await planSlurm(limited, { mode: "pool", specs, partitions, limits: { license: 2 } });
    assertEquals(pool.specs.map(({ spec, tasks, jobs }) => [spec, tasks, jobs]), [["gpu", 3, 2], [
      "default",
      1,
      0,
    ]]);
    assertEquals(pool.problems, []);
    const unset = await planSlurm(limited, { mode: "pool", specs, partitions });
    assertEquals(unset.problems.length, 2);
    assertStringIncludes(unset.problems[0]!, "takes 1 of limit 'license', which is not set");
    const dag = await planSlurm(limited, { mode: "dag", specs, partitions, limits: { license: 2 } });
    assertStringIncludes(
      dag.problems[0]!,
      "takes 1 of limit 'license' (spec 'gpu'), which no job of DAG mode counts",
    );
    const licensed = { default: specs.default, gpu: { ...specs.gpu, extra: { licenses: "license:1" } } };
    const asked = await planSlurm(limited, { mode: "dag", specs: licensed, partitions });
    assertEquals(asked.problems.length, 1, "Slurm counts those of spec 'gpu'");
  });

  it("says which cluster jobs go to, and in DAG mode that none can wait for one of another", async () => {
    const two = { default: {}, gpu: { cluster: "east", partition: "gpu" } };
    const asked: (string | undefined)[] = [];
    const where = (cluster: string | undefined) => {
      asked.push(cluster);
      return Promise.resolve(cluster === "east" ? [CPU] : [{ ...CPU, name: "gpu" }]);
    };
    const { nodes, roots } = planOf(["TODO", "gpu"], ["TODO", "default"]);
    const [gpu, other] = [...nodes.values()];
    const plan = {
      roots,
      nodes: new Map([gpu!, { ...other!, dependencies: [gpu!.hash] }].map((node) => [node.hash, node])),
    };
    const here = () => Promise.resolve("west");
    const jobs = await planSlurm(plan, { mode: "dag", specs: two, partitions: where, here });
    assertEquals(asked.sort(), ["east", undefined]);
    assertEquals(jobs.specs.map(({ spec, cluster, options }) => [spec, cluster, options?.[0]]), [
      ["gpu", "east", "--clusters=east"],
      ["default", undefined, "--nodes=1"],
    ]);
    assertEquals(jobs.problems.length, 2, jobs.problems.join("\n"));
    assertStringIncludes(jobs.problems[0]!, "there is no partition 'gpu': there are cpu");
    assertStringIncludes(jobs.problems[0]!, "(cluster 'east')");
    assertStringIncludes(
      jobs.problems[1]!,
      "toy/default(10000000) (spec 'default', cluster west) needs toy/gpu(",
    );
    // A run that is told to send the rest there, too, is on one.
    const one = await planSlurm(plan, {
      mode: "dag",
      cluster: "east",
      specs: { default: {}, gpu: { cluster: "east" } },
      partitions: where,
      here: () => Promise.resolve("east"),
    });
    assertEquals([one.problems, one.specs.map(({ cluster }) => cluster)], [[], ["east", "east"]]);
  });

  it("says nothing of specs when nothing would be submitted, and asks Slurm nothing", async () => {
    const jobs = await planSlurm(planOf(["DONE", "big"]), {
      mode: "dag",
      specs: {},
      partitions: () => Promise.reject(new Error("asked")),
    });
    assertEquals(jobs, { mode: "dag", specs: [], problems: [] });
    assertEquals(slurmPlanText(jobs), "\n--slurm dag would submit nothing\n");
  });

  it("says of a node that is computed outside of Slurm that no job can wait for it", async () => {
    const owner = "pid 12 on node7 (local)";
    const plan = planOf(["IN_PROGRESS", "default", { owner, outside: true }], ["IN_PROGRESS", "default", {
      owner,
    }]);
    const { problems } = await planSlurm(plan, { mode: "dag", specs, partitions });
    assertEquals(problems, [`toy/default(00000000) is computed outside of Slurm by ${owner}`]);
  });

  it("lists all for which the run would be refused", async () => {
    const plan = planOf(["TODO", "gpux"], ["TODO", "gpu"], ["FAILED", "default", { error: "out of beans" }]);
    const jobs = await planSlurm(plan, {
      mode: "dag",
      specs: { default: {}, gpu: { partition: "gpu", gpus: 3 } },
      partitions,
    });
    assertEquals(jobs.specs.map(({ spec, options }) => [spec, options?.includes("--gres=gpu:3")]), [
      ["gpux", undefined],
      ["gpu", true],
    ]);
    const [failed = "", missing = "", impossible = "", ...others] = jobs.problems;
    assertEquals(others, []);
    assertMatch(failed, /^toy\/default\(20000000\) failed before .*out of beans$/);
    assertMatch(missing, /spec 'gpux' is missing, needed by toy\/gpux.*did you mean 'gpu'/);
    assertEquals(impossible, "spec 'gpu': partition 'gpu' has at most 2 GPUs on a node, gpus is 3");
    assertStringIncludes(slurmPlanText(jobs), "gpux     1  (cannot be used)");
  });

  it("has a cluster that does not answer among the problems, and no other error", async () => {
    const silent = () => Promise.reject(new SlurmError("Cannot read Slurm's partitions: sinfo: no answer"));
    const { problems, specs: planned } = await planSlurm(planOf(["TODO", "gpu"]), {
      mode: "dag",
      specs,
      partitions: silent,
    });
    assertEquals({ problems, jobs: planned[0]?.jobs }, {
      problems: ["Cannot read Slurm's partitions: sinfo: no answer"],
      jobs: 1,
    });
    const broken = () => Promise.reject(new TypeError("a bug"));
    await assertRejects(
      () => planSlurm(planOf(["TODO", "gpu"]), { mode: "dag", specs, partitions: broken }),
      TypeError,
      "a bug",
    );
  });
});

describe("planSlurm() of a pool", () => {
  const hash = (i: number): Hash => `${i}`.padEnd(32, "0") as Hash;

  it("counts the tasks of each spec, and the workers for what can begin at once", async () => {
    const plan = planOf(["TODO", "gpu"], ["TODO", "default"], ["TODO", "default"], ["DONE", "default"]);
    const [top] = [...plan.nodes.values()];
    const nodes = new Map(plan.nodes).set(hash(0), { ...top!, dependencies: [hash(1), hash(3)] });
    const pool = await planSlurm({ ...plan, nodes }, { mode: "pool", specs, partitions });
    assertEquals({ problems: pool.problems, adopts: pool.adopts }, { problems: [], adopts: undefined });
    assertEquals(slurmPlanText(pool).split("\n"), [
      "",
      "--slurm pool would submit 2 workers at first:",
      "SPEC     TASKS  WORKERS  SBATCH",
      "gpu          1        0  --partition=gpu --nodes=1 --cpus-per-task=1 --gres=gpu:1 --time=60 '--comment=it'\\''s mine'",
      "default      2        2  --nodes=1 --cpus-per-task=1 --time=5",
      "",
    ]);
  });

  it("submits no more than 50 workers where nobody says how many", async () => {
    const plan = planOf(...Array.from({ length: 80 }, () => ["TODO", "default"] as ["TODO", string]));
    const pool = await planSlurm(plan, { mode: "pool", specs, partitions });
    assertEquals(pool.specs.map(({ jobs }) => jobs), [50]);
  });

  it("names the run that it would take up", async () => {
    const pool = await planSlurm(planOf(["TODO", "default"]), {
      mode: "pool",
      specs,
      partitions,
      adopts: "slurm-1",
    });
    assertStringIncludes(
      slurmPlanText(pool),
      "--slurm pool would take up run slurm-1, whose controller is gone\n",
    );
  });

  it("can wait for somebody outside of Slurm, and refuses tasks that no worker has the time for", async () => {
    const plan = planOf(["IN_PROGRESS", "default", { owner: "pid 1", outside: true }], ["TODO", "default"]);
    const nodes = [{ hash: hash(1), name: "toy/default", spec: "default", timeLimitSec: 3600 }];
    const { problems } = await planSlurm(plan, { mode: "pool", specs, partitions, nodes });
    assertEquals(problems.length, 1);
    assertMatch(problems[0]!, /too little time:\n {2}toy\/default\(10000000\) may take 3600 s/);
  });

  it("counts what Slurm's warning takes of a job's time, which may come a minute early", async () => {
    const short = { default: { timeMin: 2 } };
    const problems = async (timeLimitSec: number) => {
      const nodes = [{ hash: hash(0), name: "toy/default", spec: "default", timeLimitSec }];
      const plan = planOf(["TODO", "default"]);
      return (await planSlurm(plan, { mode: "pool", specs: short, partitions, nodes })).problems;
    };
    assertEquals(await problems(30), []);
    assertMatch((await problems(90))[0]!, /has 30 s for it: its timeMin is 2, and Slurm may say up to 90 s/);
  });
});

describe("furu plan --slurm", () => {
  it("is about a pool unless it says dag", async () => {
    const plan = () => Promise.resolve(planOf(["TODO", "default"]));
    const poolPlan = () => Promise.resolve({ adopts: "slurm-2" });
    const { out } = await furu(["plan", "pipeline.ts", "--slurm", "--json"], { plan, poolPlan });
    const { slurm } = JSON.parse(out);
    assertEquals({ mode: slurm.mode, adopts: slurm.adopts, tasks: slurm.specs[0].tasks }, {
      mode: "pool",
      adopts: "slurm-2",
      tasks: 1,
    });
  });
});

describe("furu plan --slurm dag", () => {
  const plan = () => Promise.resolve(planOf(["TODO", "gpux"]));

  it("shows the plan, what would be submitted and what is wrong with it, and ends with 1", async () => {
    const { code, out } = await furu(["plan", "pipeline.ts", "--slurm", "dag"], { plan });
    assertEquals(code, 1);
    assertStringIncludes(out, "toy/gpux(00000000)  TODO  spec gpux\n");
    assertStringIncludes(out, "--slurm dag would submit 1 job:\n");
    assertStringIncludes(out, "spec 'gpux' is missing, needed by toy/gpux");
  });

  it("adds the same to the JSON document", async () => {
    const { out } = await furu(["plan", "pipeline.ts", "--slurm", "dag", "--json"], { plan });
    const { slurm, nodes } = JSON.parse(out);
    assertEquals({ nodes: nodes.length, mode: slurm.mode, specs: slurm.specs }, {
      nodes: 1,
      mode: "dag",
      specs: [{ spec: "gpux", jobs: 1 }],
    });
    assertStringIncludes(slurm.problems[0], "'gpux' is missing");
    const without = await furu(["plan", "pipeline.ts", "--json"], { plan });
    assertEquals({ code: without.code, hasSlurm: "slurm" in JSON.parse(without.out) }, {
      code: 0,
      hasSlurm: false,
    });
  });

  it("refuses formats that have no place for it", async () => {
    const { code, err } = await furu(["plan", "pipeline.ts", "--slurm", "dag", "--format", "dot"], { plan });
    assertEquals(code, 2);
    assertStringIncludes(err, "Cannot use --slurm with --format dot");
  });
});
