import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ValidationError } from "../../../lib/core/errors.ts";
import { checkMaxWorkers } from "../../../lib/slurm/run/check_specs.ts";
import {
  checkSlurmOptions,
  type RunSlurmOptions,
  slurmOverrides,
} from "../../../lib/slurm/run/run_slurm_options.ts";

function refusal(options: Record<string, unknown>): string {
  return assertThrows(() => checkSlurmOptions(options as RunSlurmOptions), ValidationError).message;
}

describe("options of runSlurm", () => {
  it("are those of a pool unless the mode says otherwise", () => {
    checkSlurmOptions({});
    checkSlurmOptions({
      mode: "pool",
      maxWorkers: { gpu: 1 },
      window: 3,
      idleTimeoutSec: 0,
      keepGoing: true,
    });
    checkSlurmOptions({ mode: "dag", detach: true, squeueIntervalSec: 1 });
  });

  it("of the pool are refused in DAG mode, by name", () => {
    for (const name of ["maxWorkers", "window", "leaseSec", "launcher", "keepGoing"]) {
      assertEquals(
        refusal({ mode: "dag", [name]: 1 }),
        `Cannot use ${name} with mode "dag": it is an option of mode "pool"`,
      );
    }
  });

  it("that do not exist are refused with the nearest one", () => {
    assertStringIncludes(refusal({ maxWorker: 3 }), "did you mean 'maxWorkers'?");
  });

  it("have values that are checked", () => {
    const cases: [Record<string, unknown>, string][] = [
      [
        { mode: "pol" },
        `'mode' of runSlurm as it must be one of "pool", "dag"; did you mean 'pool'?: current value is "pol"`,
      ],
      [{ maxWorkers: 0 }, "'maxWorkers' of runSlurm as it must be a whole number from 1, or such a number"],
      [
        { maxWorkers: { gpu: 1.5 } },
        "'maxWorkers.gpu' of runSlurm as it must be a whole number from 1: current value is 1.5",
      ],
      [{ window: 0 }, `'window' of runSlurm as it must be "dfs"`],
      [
        { idleTimeoutSec: -1 },
        "'idleTimeoutSec' of runSlurm as it must be seconds from 0: current value is -1",
      ],
      [
        { pollIntervalSec: 0 },
        "'pollIntervalSec' of runSlurm as it must be seconds above 0: current value is 0",
      ],
      [{ leaseSec: "2" }, `'leaseSec' of runSlurm as it must be seconds above 0: current value is "2"`],
      [{ tasksPerWorker: 0 }, "'tasksPerWorker' of runSlurm as it must be a whole number from 1"],
      [{ keepGoing: "yes" }, `'keepGoing' of runSlurm as it must be true or false: current value is "yes"`],
      [{ launcher: "mpirun" }, `'launcher' of runSlurm as it must be one of "sbatch", "srun"`],
      [{ launcher: "srun", detach: true }, 'Cannot use detach with launcher "srun"'],
    ];
    for (const [options, words] of cases) assertStringIncludes(refusal(options), words);
  });

  it("limit only the workers of specs that there are", () => {
    for (const limits of [undefined, 3, { default: 1, gpu: 2 }]) checkMaxWorkers(limits, ["gpu"]);
    assertThrows(
      () => checkMaxWorkers({ default: 1, gpuu: 2 }, ["gpu", "gpu"]),
      ValidationError,
      "Cannot use maxWorkers.gpuu as there is no spec of that name; did you mean 'gpu'?: there are default, gpu",
    );
  });

  it("change the configuration only where they were given", () => {
    assertEquals(slurmOverrides({}), {});
    assertEquals(slurmOverrides({ leaseSec: 5, maxComputeRetries: 0 }), {
      leaseSec: 5,
      maxComputeRetries: 0,
    });
  });
});
