import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { workerCommand } from "../../lib/worker/command.ts";
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

  it("furu --help takes none of what makes plans, runs and results", async () => {
    const loaded = await loadedWith([
      "cli.ts",
      "lib/cli/command_line.ts",
      "lib/cli/program/engine.ts",
      "lib/cli/program/io.ts",
      "lib/cli/program/program.ts",
    ]);
    const own = loaded.filter((specifier) => /\/lib\//.test(specifier));
    assert(own.some((specifier) => specifier.endsWith("/lib/cli/help.ts")), "the modules were followed");
    assertEquals(own.filter((specifier) => !/\/lib\/(?:cli|core|ui)\//.test(specifier)), []);
    assertEquals(loaded.filter((specifier) => /^node:|\/zod\//.test(specifier)), []);
    assert(own.length < 25, `${own.length} modules`);
  });

  it("a worker reads at its start what it takes then, and nothing that is imported later", () => {
    // Read by Deno at once, all that is imported anywhere would be twice as many modules.
    const command = workerCommand();
    const at = command.indexOf("--unstable-lazy-dynamic-imports");
    assert(at > 0 && at < command.findIndex((word) => word.endsWith("cli.ts")), command.join(" "));
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
