import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { loadedWith } from "../loaded_modules.ts";

describe("the modules of a start", () => {
  it("what every worker loads keeps from Node's process and crypto, which cost 15 ms", async () => {
    const loaded = await loadedWith([
      "mod.ts",
      "cli.ts",
      "lib/cli/job.ts",
      "lib/worker/child/child.ts",
      "lib/worker/child/compute_task.ts",
      "lib/slurm/dag/dag_job.ts",
    ]);
    assert(loaded.some((specifier) => specifier.endsWith("/lib/core/hash.ts")), "the modules were followed");
    assertEquals(loaded.filter((specifier) => /^node:(?!async_hooks$)/.test(specifier)), []);
    // Those of @std/path that are for every system ask `process` which one this is.
    assertEquals(loaded.filter((specifier) => /\/path\/[a-z-_]+\.[jt]s$/.test(specifier)), []);
  });

  it("a pipeline's imports do not load the runs, which its workers never begin", async () => {
    const loaded = await loadedWith(["mod.ts"]);
    const heavy = [
      "lib/local/run_local.ts",
      "lib/slurm/run_slurm.ts",
      "lib/schedule/drive.ts",
      "lib/cli/help.ts",
    ];
    for (const path of heavy) assert(!loaded.some((specifier) => specifier.endsWith(`/${path}`)), path);
  });
});
