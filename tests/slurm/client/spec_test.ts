import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConfigError, SlurmError, ValidationError } from "../../../lib/core/errors.ts";
import { checkPartitions, checkSpecs } from "../../../lib/slurm/run/check_specs.ts";
import { growSpecs, withGrowth } from "../../../lib/slurm/run/grown_specs.ts";
import { growthOf, withSizes } from "../../../lib/slurm/run/node_ladders.ts";
import { specsOn } from "../../../lib/task/ladder.ts";
import { jobOptions, nameInComment } from "../../../lib/slurm/client/job_options.ts";
import { signalLeadSec } from "../../../lib/slurm/client/job_time.ts";
import { logPath, logPattern } from "../../../lib/slurm/client/job_log.ts";
import { type ParsedSpec, sbatchOptions, type SlurmSpec } from "../../../lib/slurm/client/spec.ts";
import { heapMbOf } from "../../../lib/slurm/client/job_command.ts";

const parse = (spec: unknown): ParsedSpec => checkSpecs({ default: spec }).default!;
const fault = (spec: unknown): string => assertThrows(() => parse(spec), ConfigError).message;

describe("a spec", () => {
  it("has defaults", () => {
    assertEquals(sbatchOptions(parse({})), ["--nodes=1", "--cpus-per-task=1", "--time=60"]);
  });

  it("becomes options of sbatch, in which extra ones come last", () => {
    const options = sbatchOptions(parse({
      partition: "gpu",
      account: "lab",
      qos: "high",
      constraint: "a100|h100",
      gpus: 2,
      cpus: 8,
      memGb: 1.5,
      timeMin: 90,
      nodes: 2,
      exclude: "node[1-3]",
      extra: { "reservation": "tutorial day", "exclusive": true, "spread-job": false, "nice": 10 },
    }));
    assertEquals(options, [
      "--partition=gpu",
      "--account=lab",
      "--qos=high",
      "--constraint=a100|h100",
      "--nodes=2",
      "--cpus-per-task=8",
      "--gres=gpu:2",
      "--mem=1536M",
      "--time=90",
      "--exclude=node[1-3]",
      "--reservation=tutorial day",
      "--exclusive",
      "--nice=10",
    ]);
  });

  it("is refused with an unknown field, naming the nearest and all", () => {
    const message = fault({ partitoin: "gpu" });
    assertStringIncludes(message, "spec 'default': unknown key 'partitoin'; did you mean 'partition'?");
    assertStringIncludes(message, "partition, account, qos, constraint, gpus, cpus, memGb, timeMin");
  });

  it("is refused with impossible values, naming field and value", () => {
    const impossible = [
      { cpus: 0 },
      { cpus: 1.5 },
      { gpus: -1 },
      { memGb: -1 },
      { memGb: Infinity },
      { timeMin: 0 },
      { nodes: 0 },
      { partition: "" },
      { qos: "a\nb" },
      { exclude: 3 },
      { cpus: "4" },
      { setup: [""] },
    ];
    for (const spec of impossible) {
      const [[field, value]] = Object.entries(spec) as [[string, unknown]];
      const message = fault(spec);
      assertStringIncludes(message, `spec 'default'.${field}`);
      assertStringIncludes(message, `current value is ${Deno.inspect(Array.isArray(value) ? "" : value)}`);
    }
  });

  it("says all that is wrong at once", () => {
    const message = assertThrows(() => checkSpecs({ default: { cpus: 0, timeMin: 0 } }), ConfigError).message;
    assertEquals(message.split("\n").length, 3);
  });

  it("is refused with extra options that a field is for, also when abbreviated or with dashes", () => {
    const fields = {
      "cpus-per-task": "cpus",
      "time": "timeMin",
      "p": "partition",
      "part": "partition",
    };
    for (
      const [option, field] of Object.entries({ ...fields, "--time": "timeMin", "cpus_per_task": "cpus" })
    ) {
      assertStringIncludes(fault({ extra: { [option]: "1" } }), `use '${field}'`);
    }
  });

  it("is refused with extra options that furu itself sets, saying why", () => {
    for (
      const option of [
        "job-name",
        "output",
        "out",
        "o",
        "array",
        "dep",
        "requeue",
        "wait",
        "signal",
      ]
    ) {
      assertStringIncludes(fault({ extra: { [option]: "1" } }), "is set by furu itself", option);
    }
  });

  it("is refused with another way of saying what a field says, but only beside that field", () => {
    assertStringIncludes(fault({ gpus: 1, extra: { gres: "gpu:a100:1" } }), "beside the field 'gpus'");
    assertStringIncludes(fault({ memGb: 1, extra: { "mem-per-cpu": "1G" } }), "beside the field 'memGb'");
    assertEquals(sbatchOptions(parse({ extra: { gres: "gpu:a100:1", gpus: "a100:1" } })).slice(-2), [
      "--gres=gpu:a100:1",
      "--gpus=a100:1",
    ]);
  });

  it("takes memory in sbatch's own words, and 0 as all of a node, but not both ways", () => {
    assertEquals(memory({ extra: { mem: "8000M" } }), ["--mem=8000M"]);
    assertEquals(memory({ extra: { mem: 0 } }), ["--mem=0"]);
    assertEquals(memory({ memGb: 0 }), ["--mem=0"]);
    assertStringIncludes(fault({ memGb: 1, extra: { mem: "8000M" } }), "use 'memGb'");
  });

  it("leaves out what a site does not want, but nothing that a run cannot do without", () => {
    const extra = Object.fromEntries(
      ["nodes", "cpus-per-task", "export", "input", "open-mode", "comment", "requeue", "no-requeue"].map(
        (name) => [name, false],
      ),
    );
    for (const requeue of [true, false]) {
      assertEquals(jobOptions({ name: "furu-x", spec: parse({ extra }), log: "/l", requeue }), [
        "--time=60",
        "--output=/l",
        "--signal=B:USR1@120",
        "--kill-on-invalid-dep=yes",
      ]);
    }
    for (const name of ["time", "output", "signal", "job-name"]) {
      assertStringIncludes(
        fault({ extra: { [name]: false } }),
        name === "time" ? "timeMin" : "by furu itself",
      );
    }
    assertStringIncludes(fault({ extra: { requeue: true } }), "only false is allowed here");
  });

  it("takes another environment and another comment than furu's", () => {
    const spec = parse({ extra: { export: "NONE", comment: "project 7" } });
    const options = jobOptions({ name: "furu-x", spec, log: "/l", requeue: false });
    assertEquals(options.filter((each) => /^--(export|comment)/.test(each)), [
      "--export=NONE",
      "--comment=project 7",
    ]);
  });

  it("takes extra options only by their long name", () => {
    assertStringIncludes(fault({ extra: { w: "node1" } }), "did you mean 'nodelist'?");
    assertStringIncludes(fault({ extra: { "--nice": 1 } }), "did you mean 'nice'?");
    assertStringIncludes(fault({ extra: { "a b": 1 } }), "a long option of sbatch");
  });
});

describe("checkSpecs()", () => {
  it("wants a default, and every spec that tasks need, naming the tasks", () => {
    const needed = new Map([["gpu", ["toy/Train", "toy/Tune"]], ["default", ["toy/Data"]]]);
    const message = assertThrows(() => checkSpecs({ gpux: {} }, needed), ConfigError).message;
    assertStringIncludes(message, "spec 'default' is missing: there are gpux");
    assertStringIncludes(message, "spec 'gpu' is missing, needed by toy/Train, toy/Tune");
    assertStringIncludes(message, "did you mean 'gpux'?");
  });

  it("gives all specs with their defaults", () => {
    const specs = checkSpecs({ default: {}, gpu: { gpus: 1 } }, new Map([["gpu", ["toy/Train"]]]));
    assertEquals(Object.keys(specs), ["default", "gpu"]);
    assertEquals(specs.gpu?.timeMin, 60);
  });

  it("refuses names that cannot be folders, and what are no specs", () => {
    assertThrows(() => checkSpecs({ default: {}, "a/b": {} }), ValidationError);
    for (const specs of [undefined, null, [], "gpu"]) assertThrows(() => checkSpecs(specs), ConfigError);
    assertThrows(() => checkSpecs({ default: null }), ConfigError);
  });
});

describe("growSpecs()", () => {
  const names = (specs: Record<string, unknown>) => {
    const { specs: grown, ladder, byFunction, faults } = growSpecs(specs);
    return { grown, ladder, byFunction: [...byFunction], faults };
  };

  it("makes a spec of each size, and says which one follows after too little of what", () => {
    assertEquals(names({ a: { memGb: [8, 16, 0], timeMin: [60, 60.5], cpus: 2 }, b: { memGb: 1 } }), {
      grown: {
        a: { memGb: 8, timeMin: 60, cpus: 2 },
        "a.2": { memGb: 16, timeMin: 60.5, cpus: 2 },
        "a.3": { memGb: 0, timeMin: 60.5, cpus: 2 },
        b: { memGb: 1 },
      },
      ladder: { a: { memory: "a.2", time: "a.2" }, "a.2": { memory: "a.3" } },
      byFunction: [],
      faults: [],
    });
    const asked = names({ a: { memGb: ({ attempt }: { attempt: number }) => Math.min(8 * attempt, 16) } });
    assertEquals(asked.grown, { a: { memGb: 8 }, "a.2": { memGb: 16 } });
    assertEquals(asked.byFunction, ["a.2"]);
  });

  it("leaves what does not grow as it is, and tells what can be no sizes", () => {
    for (const spec of [undefined, 1, [], { memGb: "8" }, { memGb: [] }]) {
      assertEquals(names({ a: spec }), { grown: { a: spec }, ladder: {}, byFunction: [], faults: [] });
    }
    for (
      const [specs, words] of [
        [{ default: { memGb: [8, 8] } }, "spec 'default'.memGb: each value must be more than the one before"],
        [{ default: { memGb: [8, 16] }, "default.2": {} }, "is the name of attempt 2 of spec 'default'"],
        [{ default: { memGb: [8, "16"] } }, "spec 'default.2'.memGb: expected number"],
        [{ default: { memGb: ({ attempt }: { attempt: number }) => 1e6 * attempt, cpus: 0 } }, "cpus: "],
        [{ default: { timeMin: () => "1" } }, "spec 'default'.timeMin: expected number"],
        [{ default: { timeMin: () => JSON.parse("{") } }, "spec 'default'.timeMin threw: SyntaxError"],
      ] as const
    ) assertStringIncludes(assertThrows(() => checkSpecs(specs), ConfigError).message, words);
  });

  it("tries all sizes of a spec before the next spec of a task", () => {
    const { ladder } = growSpecs({ small: { memGb: [8, 16] }, big: { timeMin: [60, 240] } });
    const task = { spec: "small", ladder: { small: { memory: "big", time: "big" } } };
    assertEquals(withGrowth(task, ladder), {
      spec: "small",
      ladder: {
        small: { memory: "small.2", time: "big" },
        "small.2": { memory: "big", time: "big" },
        big: { time: "big.2" },
      },
    });
    assertEquals(withGrowth({ spec: "other" }, ladder), { spec: "other" });
  });

  it("of a function only sizes count that the cluster could give", async () => {
    const cpu = {
      name: "cpu",
      isDefault: true,
      maxMinutes: 60,
      nodes: 2,
      cpus: 4,
      memoryMb: 4096,
      gpus: 0,
    };
    const memGb = ({ attempt }: { attempt: number }): number => attempt;
    const growth = await growthOf({ default: { memGb } }, () => Promise.resolve([cpu]));
    assertEquals(specsOn({ spec: "default", ladder: growth }), [
      "default",
      "default.2",
      "default.3",
      "default.4",
    ]);
    assertEquals(withSizes({ default: 3 }, growth), {
      default: 3,
      "default.2": 3,
      "default.3": 3,
      "default.4": 3,
    });
  });
});

describe("checkPartitions()", () => {
  const partitions = [
    { name: "cpu", isDefault: true, maxMinutes: 1440, nodes: 2, cpus: 4, memoryMb: 4000, gpus: 0 },
    { name: "gpu", isDefault: false, maxMinutes: 240, nodes: 1, cpus: 4, memoryMb: 4000, gpus: 2 },
  ];
  const check = (spec: unknown) => checkPartitions({ big: parse(spec) }, partitions);

  it("finds nothing in what the cluster can give", () => {
    assertEquals(check({ cpus: 4, memGb: 3, timeMin: 1440, nodes: 2 }), []);
    assertEquals(check({ partition: "gpu", gpus: 2, timeMin: 240 }), []);
  });

  it("finds a partition that is not there, and the nearest", () => {
    assertEquals(check({ partition: "gpus" }), [
      "spec 'big': there is no partition 'gpus': there are cpu, gpu; did you mean 'gpu'?",
    ]);
  });

  it("finds what is more than the partition has, the default one included", () => {
    assertEquals(check({ cpus: 8, memGb: 40, timeMin: 1441, nodes: 3, gpus: 1 }).length, 5);
    assertEquals(check({ partition: "gpu", timeMin: 600 }), [
      "spec 'big': partition 'gpu' has at most 240 minutes, timeMin is 600",
    ]);
  });

  it("is content when one of several partitions can", () => {
    assertEquals(check({ partition: "cpu,gpu", gpus: 1 }), []);
    assertEquals(check({ partition: "cpu,gpu", gpus: 3 }).length, 2);
  });

  it("finds one that is not there beside one that can: sbatch refuses them together", () => {
    assertEquals(check({ partition: "cpu,gpus" }), [
      "spec 'big': there is no partition 'gpus': there are cpu, gpu; did you mean 'gpu'?",
    ]);
  });
});

function memory(spec: SlurmSpec): string[] {
  return sbatchOptions(parse(spec)).filter((option) => option.startsWith("--mem"));
}

describe("jobOptions()", () => {
  const spec = parse({ timeMin: 2 });

  it("lets a DAG's job be requeued, with its output appended", () => {
    const options = jobOptions({ spec, log: "/logs/a.%j.log", requeue: true, afterOk: ["12", "13", "12"] });
    assertEquals(options.slice(3), [
      "--output=/logs/a.%j.log",
      "--input=/dev/null",
      "--export=ALL",
      "--requeue",
      "--open-mode=append",
      "--signal=B:USR1@30",
      "--kill-on-invalid-dep=yes",
      "--dependency=afterok:12:13",
    ]);
  });

  it("tells the name in the comment, where a site may rewrite the name itself", () => {
    const options = jobOptions({ name: "furu-ab-cd", spec, log: "/l", requeue: true });
    const comment = options.find((option) => option.startsWith("--comment="));
    assertEquals(nameInComment(comment?.slice("--comment=".length)), "furu-ab-cd");
    assertEquals(["furu-ab-cd", "(null)", undefined].map(nameInComment), [undefined, undefined, undefined]);
  });

  it("lets a pool's array not be requeued", () => {
    const options = jobOptions({ spec, log: "/logs/a.log", requeue: false, array: "0-99", afterAny: ["7"] });
    assertEquals(options.slice(-4), [
      "--signal=B:USR1@30",
      "--kill-on-invalid-dep=yes",
      "--dependency=afterany:7",
      "--array=0-99",
    ]);
    assertEquals(options.includes("--no-requeue"), true);
  });

  it("takes thousands of dependencies, and refuses more than one argument can name", () => {
    const ids = (count: number) => Array.from({ length: count }, (_, i) => `${10_000_000 + i}`);
    assertEquals(jobOptions({ spec, log: "/l", requeue: true, afterOk: ids(10_000) }).length, 11);
    const error = assertThrows(
      () => jobOptions({ spec, log: "/l", requeue: true, afterOk: ids(20_000) }),
      SlurmError,
    );
    assertStringIncludes(error.message, "20000 dependencies");
  });
});

describe("signalLeadSec()", () => {
  it("is two minutes, or a quarter of a short time", () => {
    assertEquals([1, 2, 4, 8, 60].map(signalLeadSec), [15, 30, 60, 120, 120]);
  });
});

describe("logPattern()", () => {
  it("lets Slurm fill in the ids, and nothing else of the path", () => {
    assertEquals(logPattern("/a/50%j/b", "furu-1"), "/a/50%%j/b/furu-1.%j.log");
    assertEquals(logPattern("/a", "furu-1", true), "/a/furu-1.%A_%a.log");
    assertEquals(logPath("/a/50%j/b", "furu-1", "12"), "/a/50%j/b/furu-1.12.log");
    assertEquals(logPath("/a", "furu-1", "12", 3), "/a/furu-1.12_3.log");
    assertThrows(() => logPattern("/a\\b", "furu-1"), SlurmError);
  });
});

describe("heapMbOf()", () => {
  it("leaves room for what is outside of V8's heaps, and for all that compute at the same time", () => {
    assertEquals(heapMbOf({}, 1), undefined);
    assertEquals(heapMbOf({ memGb: 32 }, 1), 29260);
    assertEquals(heapMbOf({ memGb: 4 }, 1), 3456);
    assertEquals(heapMbOf({ memGb: 4 }, 4), 777);
    assertEquals(heapMbOf({ memGb: 0.25 }, 1), undefined);
  });
});
