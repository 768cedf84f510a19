import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { planSlurm, slurmPlanText } from "../../lib/cli/plan_slurm.ts";
import type { PlanView, ViewNode } from "../../lib/cli/plan_view.ts";
import { SlurmError } from "../../lib/core/errors.ts";
import type { Partition } from "../../lib/slurm/parse_partitions.ts";
import { furu } from "./rig.ts";

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
    const jobs = await planSlurm(plan, { specs, partitions });
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

  it("says nothing of specs when nothing would be submitted, and asks Slurm nothing", async () => {
    const jobs = await planSlurm(planOf(["DONE", "big"]), {
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
    const { problems } = await planSlurm(plan, { specs, partitions });
    assertEquals(problems, [`toy/default(00000000) is computed outside of Slurm by ${owner}`]);
  });

  it("lists all for which the run would be refused", async () => {
    const plan = planOf(["TODO", "gpux"], ["TODO", "gpu"], ["FAILED", "default", { error: "out of beans" }]);
    const jobs = await planSlurm(plan, {
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
      specs,
      partitions: silent,
    });
    assertEquals([problems, planned[0]?.jobs], [["Cannot read Slurm's partitions: sinfo: no answer"], 1]);
    const broken = () => Promise.reject(new TypeError("a bug"));
    await assertRejects(
      () => planSlurm(planOf(["TODO", "gpu"]), { specs, partitions: broken }),
      TypeError,
      "a bug",
    );
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
    assertEquals([nodes.length, slurm.mode, slurm.specs], [1, "dag", [{ spec: "gpux", jobs: 1 }]]);
    assertStringIncludes(slurm.problems[0], "'gpux' is missing");
    const without = await furu(["plan", "pipeline.ts", "--json"], { plan });
    assertEquals([without.code, "slurm" in JSON.parse(without.out)], [0, false]);
  });

  it("refuses formats that have no place for it", async () => {
    const { code, err } = await furu(["plan", "pipeline.ts", "--slurm", "dag", "--format", "dot"], { plan });
    assertEquals(code, 2);
    assertStringIncludes(err, "Cannot use --slurm with --format dot");
  });
});
