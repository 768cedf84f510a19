import { assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import { resolve } from "@std/path/resolve";
import { describe, it } from "@std/testing/bdd";
import { type Config, configSchema, resolveConfig } from "../../lib/core/config.ts";
import { Rig } from "../rig.ts";
import type { ConfigCase } from "./fixtures/config_cases.ts";

type Result = Config & { error?: string; message?: string };

/** Resolves configurations in a process of their own, as a script in a project's folder does. */
async function resolved(rig: Rig, cases: ConfigCase[]): Promise<Result[]> {
  const { folder } = rig;
  const module = new URL("./fixtures/config_cases.ts", import.meta.url).href;
  for (const name of ["deno.json", "furu.json"]) Deno.writeTextFileSync(`${folder}/${name}`, "{}");
  Deno.mkdirSync(`${folder}/deep`);
  Deno.writeTextFileSync(
    `${folder}/deep/script.ts`,
    `import { printConfigs } from ${JSON.stringify(module)};
    printConfigs(${JSON.stringify(folder)}, JSON.parse(Deno.readTextFileSync(${
      JSON.stringify(`${folder}/cases`)
    })));`,
  );
  Deno.writeTextFileSync(`${folder}/cases`, JSON.stringify(cases));
  const config = fromFileUrl(new URL("../../deno.json", import.meta.url));
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--config", config, `${folder}/deep/script.ts`],
    cwd: `${folder}/deep`,
  }).output();
  const text = new TextDecoder();
  return JSON.parse(text.decode(stdout) || JSON.stringify([{ message: text.decode(stderr) }]));
}

const BAD: Record<string, { values: string[]; allowed: string }> = {
  FURU_RETRY_FAILED: { values: ["2", "maybe", "-1"], allowed: "1, 0, true or false" },
  FURU_MAX_COMPUTE_RETRIES: {
    values: ["-1", "1.5", "three", "Infinity", "NaN"],
    allowed: "a whole number from 0",
  },
  FURU_MAX_PREEMPT_RETRIES: { values: ["-1", "x"], allowed: "a whole number from 0" },
  FURU_ALWAYS_RERUN: { values: ["ALL,toy/Train", "toy/Train,ALL"], allowed: "ALL alone" },
  FURU_LEASE_SECS: { values: ["0", "-1", "2m", "Infinity"], allowed: "seconds above 0" },
  FURU_HEARTBEAT_SECS: { values: ["0", "x"], allowed: "seconds above 0" },
  FURU_STALE_AFTER_SECS: { values: ["0", "x"], allowed: "seconds above 0" },
  FURU_MAX_WAIT_SECS: { values: ["-5", "x"], allowed: "seconds above 0" },
  FURU_MAX_CREATES: { values: ["0", "1.5", "many"], allowed: "a whole number from 1" },
  FURU_POLL_INTERVAL_SECS: { values: ["0", "x"], allowed: "seconds above 0" },
  FURU_MAX_HEAP_MB: { values: ["0", "1.5", "1GB"], allowed: "megabytes, a whole number from 16" },
  FURU_MAX_TASKS_PER_WORKER: { values: ["0", "-1", "x"], allowed: "a whole number from 1" },
  FURU_MAX_WORKER_MB: { values: ["0", "x"], allowed: "megabytes, a whole number from 1" },
  FURU_LOG_LEVEL: { values: ["loud", "trace"], allowed: "debug, info, warn or error" },
  FURU_RECORD_GIT: { values: ["yes", "1"], allowed: "cached, ignore or uncached" },
};

describe("config", () => {
  it("a variable that does not parse is a ConfigError naming it, its value and what is allowed", async () => {
    await using rig = new Rig();
    const bad = Object.entries(BAD).flatMap(([name, { values, allowed }]) =>
      values.map((value) => ({ name, value, allowed }))
    );
    const results = await resolved(rig, bad.map(({ name, value }) => ({ env: { [name]: value } })));
    for (const [i, { name, value, allowed }] of bad.entries()) {
      const { error, message = "" } = results[i]!;
      assertEquals(error, "ConfigError", `${name}=${value} gave ${JSON.stringify(results[i])}`);
      for (const part of [`${name}=${JSON.stringify(value)}`, allowed]) assertStringIncludes(message, part);
    }
  });

  it("a variable by its former name is a ConfigError that names today's; furu.json may have comments", async () => {
    await using rig = new Rig();
    const [former, empty, commented] = await resolved(rig, [
      { env: { FURU_PREEMPT_MAX: "2" } },
      { env: { FURU_PREEMPT_MAX: "" } },
      { file: '{ "$schema": "x", // a comment\n "leaseSec": 60, }' },
    ]);
    assertEquals(commented!.leaseSec, 60);
    assertEquals(former!.error, "ConfigError");
    assertStringIncludes(former!.message!, "FURU_PREEMPT_MAX: its name is FURU_MAX_PREEMPT_RETRIES");
    assertEquals(empty!.maxPreemptRetries, 5);
  });

  it("configSchema reads the records of runs that an earlier furu began, with its names", () => {
    const today = { ...resolveConfig(), maxPreemptRetries: 7, slurm: { squeueIntervalSec: 3 } };
    const { maxPreemptRetries, slurm, recomputeDamaged: _, ...same } = today;
    const former = {
      ...same,
      preemptMax: maxPreemptRetries,
      slurm: { intervalSec: slurm.squeueIntervalSec },
    };
    assertEquals(configSchema.parse(former), { ...today, recomputeDamaged: false });
    assertEquals(configSchema.parse(JSON.parse(JSON.stringify(today))), today);
  });

  it("variables are read as people write them; an empty one counts as none", async () => {
    await using rig = new Rig();
    const [given, empty] = await resolved(rig, [
      {
        env: {
          FURU_PATH: `${rig.folder}/a`,
          FURU_SLURM_PATH: "logs",
          FURU_RETRY_FAILED: " False ",
          FURU_MAX_COMPUTE_RETRIES: "0",
          FURU_ALWAYS_RERUN: "toy/A, toy/B,",
          FURU_LEASE_SECS: "1.5",
          FURU_LOG_LEVEL: "DEBUG",
          FURU_RECORD_GIT: "ignore",
        },
      },
      { env: { FURU_LEASE_SECS: "", FURU_PATH: "  ", FURU_RETRY_FAILED: "" } },
    ]);
    const { root, slurmRoot, retryFailed, maxComputeRetries, alwaysRerun, leaseSec, heartbeatSec, logLevel } =
      given!;
    assertEquals(
      { root, slurmRoot, retryFailed, maxComputeRetries, alwaysRerun, leaseSec, heartbeatSec, logLevel },
      {
        root: `${rig.folder}/a`,
        slurmRoot: `${rig.folder}/deep/logs`,
        retryFailed: false,
        maxComputeRetries: 0,
        alwaysRerun: ["toy/A", "toy/B"],
        leaseSec: 1.5,
        heartbeatSec: 0.5,
        logLevel: "debug",
      },
    );
    assertEquals(empty, {
      root: `${rig.folder}/furu-data`,
      slurmRoot: `${rig.folder}/furu-data/slurm`,
      retryFailed: true,
      recomputeDamaged: false,
      maxComputeRetries: 3,
      maxPreemptRetries: 5,
      alwaysRerun: [],
      leaseSec: 120,
      heartbeatSec: 40,
      staleAfterSec: 1800,
      maxWaitSec: 600,
      pollIntervalSec: 2,
      logLevel: "info",
      recordGit: "cached",
    } as Result);
  });

  it("furu.json is below the environment, and that below configure(); folders in the file are seen from it", async () => {
    await using rig = new Rig();
    const file = JSON.stringify({ root: "store", leaseSec: 10, maxWaitSec: 10, maxPreemptRetries: 10 });
    const [result] = await resolved(rig, [{
      file,
      env: { FURU_MAX_WAIT_SECS: "20", FURU_MAX_PREEMPT_RETRIES: "20" },
      configure: { maxPreemptRetries: 30, logLevel: undefined },
    }]);
    const { root, leaseSec, maxWaitSec, maxPreemptRetries, logLevel } = result!;
    assertEquals({ root, leaseSec, maxWaitSec, maxPreemptRetries, logLevel }, {
      root: `${rig.folder}/store`,
      leaseSec: 10,
      maxWaitSec: 20,
      maxPreemptRetries: 30,
      logLevel: "info",
    });
  });

  it("paths are absolute once and for all, wherever the process goes, and ~ is the user's home", async () => {
    await using rig = new Rig();
    const { folder } = rig;
    Deno.mkdirSync(`${folder}/real/$odd`, { recursive: true });
    Deno.symlinkSync(`${folder}/real`, `${folder}/link`);
    Deno.symlinkSync(`${folder}/nothing`, `${folder}/dangling`);
    const cases: [ConfigCase, root: string, slurmRoot?: string][] = [
      [{ env: { FURU_PATH: "rel" } }, "deep/rel"],
      [{ env: { FURU_PATH: "./rel/" }, chdir: "real" }, "deep/rel"],
      [{ env: { FURU_PATH: "../x", FURU_SLURM_PATH: "logs" }, chdir: "real" }, "x", "deep/logs"],
      [{ env: { FURU_PATH: "~/x", HOME: folder } }, "x"],
      [{ env: { FURU_PATH: "~", FURU_SLURM_PATH: "~/s", HOME: folder } }, "", "s"],
      [{ file: '{"root": "~/x", "slurmRoot": "~/y"}', env: { HOME: folder } }, "x", "y"],
      [{ file: '{"root": "../up/../x"}', chdir: "real", env: {} }, "../x"],
      [{ configure: { root: "~/x" }, env: { HOME: folder } }, "x"],
      [{ configure: { root: "here" }, chdir: "real" }, "real/here"],
      [{ configure: { root: `file://${folder}/a%20b` } }, "a b"],
      [{ env: { FURU_PATH: `${folder}/link` } }, "real"],
      [{ env: { FURU_PATH: `${folder}/link/not/yet` } }, "real/not/yet"],
      [{ env: { FURU_PATH: `${folder}/dangling` } }, "dangling"],
      [{ env: { FURU_PATH: `${folder}/real/$odd` } }, "real/$odd"],
      [{ env: { FURU_PATH: `${folder}/link/./~` } }, "real/~"],
    ];
    const results = await resolved(rig, cases.map(([each]) => each));
    for (const [i, [each, root, slurmRoot]] of cases.entries()) {
      const expected = resolve(folder, root);
      assertEquals(
        { message: results[i]!.message, root: results[i]!.root, slurmRoot: results[i]!.slurmRoot },
        {
          message: undefined,
          root: expected,
          slurmRoot: slurmRoot === undefined ? `${expected}/slurm` : join(folder, slurmRoot),
        },
        JSON.stringify(each),
      );
    }
  });

  it("a path that would make a folder which nobody means is a ConfigError", async () => {
    await using rig = new Rig();
    const path = `${rig.folder}/furu.json`;
    const cases: [ConfigCase, string[]][] = [
      [{ env: { FURU_PATH: "~bob/x" } }, ["FURU_PATH", '"~bob/x"', "'./~...'"]],
      [{ env: { FURU_PATH: "~/x", HOME: "" } }, ["FURU_PATH", "HOME", "the whole path"]],
      [{ env: { FURU_SLURM_PATH: "$HOME/x" } }, [
        "FURU_SLURM_PATH",
        '"$HOME/x"',
        "variables are not replaced",
      ]],
      [{ file: '{"root": "/scratch/${USER}/furu"}' }, [`'root' in ${path}`, "variables are not replaced"]],
      [{ file: '{"root": " "}' }, [`'root' in ${path}`, "not empty"]],
      [{ configure: { root: "s3://bucket/x" } }, ["'root' of configure()", "not a URL"]],
      [{ configure: { slurmRoot: "file://host/x" } }, ["'slurmRoot' of configure()", "without a host"]],
      [{ configure: { root: "a\0b" } }, ["'root' of configure()", "NUL"]],
    ];
    const results = await resolved(rig, cases.map(([each]) => each));
    for (const [i, [each, parts]] of cases.entries()) {
      const { error, message = "" } = results[i]!;
      assertEquals(error, "ConfigError", `${JSON.stringify(each)} gave ${JSON.stringify(results[i])}`);
      for (const part of parts) assertStringIncludes(message, part);
    }
  });

  it("bad options are ConfigErrors that name the place, the nearest option, the value and what is allowed", async () => {
    await using rig = new Rig();
    const path = `${rig.folder}/furu.json`;
    const cases: [ConfigCase, string[]][] = [
      [{ file: '{"leasSec": 1}' }, [path, "'leasSec'", "did you mean 'leaseSec'?", "Options are root, "]],
      [{ file: '{"preemptMax": 1}' }, [path, "'preemptMax'", "its name is 'maxPreemptRetries'"]],
      [{ configure: { slurm: { intervalSec: 1 } as never } }, [
        "'slurm.intervalSec' of configure()",
        "its name is 'squeueIntervalSec'",
      ]],
      [{ file: '{"slurm": {"spec": {}}}' }, ["'slurm.spec'", "did you mean 'specs'? Options are specs, "]],
      [{ file: '{"leaseSec": "1"}' }, [path, "'leaseSec'", "number", '"1"']],
      [{ file: '{"leaseSec": 0}' }, [path, "'leaseSec'", "current value is 0"]],
      [{ file: '{"root": ""}' }, [path, "'root'"]],
      [{ file: '{"logLevel": "loud"}' }, [path, "'logLevel'", "debug", '"loud"']],
      [{ file: "{" }, [path, "not JSON"]],
      [{ file: "" }, [path, "not JSON"]],
      [{ file: "[]" }, [path]],
      [{ file: "null" }, [path]],
      [{ configure: { maxWaitSecs: 1 } }, ["configure()", "'maxWaitSecs'", "did you mean 'maxWaitSec'?"]],
      [{ configure: { retryFailed: "no" } }, ["configure()", "'retryFailed'", '"no"']],
      [{ env: { FURU_LEASE_SECS: "3", FURU_HEARTBEAT_SECS: "2" } }, [
        "FURU_HEARTBEAT_SECS",
        "2",
        "half of the lease",
      ]],
    ];
    const results = await resolved(rig, cases.map(([each]) => each));
    for (const [i, [each, parts]] of cases.entries()) {
      const { error, message = "" } = results[i]!;
      assertEquals(error, "ConfigError", `${JSON.stringify(each)} gave ${JSON.stringify(results[i])}`);
      for (const part of parts) assertStringIncludes(message, part);
    }
  });
});
