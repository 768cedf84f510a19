import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { ConfigError, FuruError, RunFailedError } from "../../lib/core/errors.ts";
import { commands } from "../../lib/cli/commands/commands.ts";
import { failureOf, summaryOf } from "../ui/events.ts";
import { furu } from "./rig.ts";

const script = { name: "script.ts", script: { url: "file:///x/script.ts", roots: [] } };

Deno.test("furu --help lists the commands on stdout and ends with 0", async () => {
  for (const args of [["--help"], ["-h"], ["help"]]) {
    const { code, out, err } = await furu(args);
    assertEquals([code, err], [0, ""]);
    for (const { name } of commands.filter(({ hidden }) => !hidden)) {
      assertMatch(out, new RegExp(`^  ${name} +\\w`, "m"));
    }
  }
});

Deno.test("furu alone shows its help on stderr and ends with 2", async () => {
  const { code, out, err } = await furu([]);
  assertEquals([code, out], [2, ""]);
  assertStringIncludes(err, "Usage: furu COMMAND [options]");
});

for (const { name } of commands) {
  Deno.test(`furu ${name} --help tells usage, every option and examples`, async () => {
    for (const args of [[name, "--help"], ["help", name], [name, "-h", "x", "--force", "y"]]) {
      const { code, out, err } = await furu(args);
      assertEquals([code, err], [0, ""]);
      assertStringIncludes(out, `Usage: furu ${name} `);
      assertStringIncludes(out, "Examples:\n  furu ");
      assertStringIncludes(out, "--root DIR");
      assert(!out.includes("undefined"), out);
    }
  });
}

Deno.test("furu suggests the nearest command and option, and ends with 2", async () => {
  const command = await furu(["pln", "x.ts"]);
  assertEquals(command.code, 2);
  assertStringIncludes(command.err, "furu: Unknown command 'pln'; did you mean 'plan'?");
  const far = await furu(["frobnicate"]);
  assertStringIncludes(far.err, "commands are run, follow, cancel, plan, get, show, path");
  const option = await furu(["run", "--keep-goin", "pipeline.ts"]);
  assertEquals([option.code, option.runs.length], [2, 0]);
  assertStringIncludes(option.err, "furu run: Unknown option --keep-goin; did you mean '--keep-going'?");
});

Deno.test("furu run gives roots and options to the run", async () => {
  const args = "run pipeline.ts --workers gpu=1,default=2 --window 3 -k --force a/B --force c --retries 0";
  const { code, runs, err } = await furu([
    ...args.split(" "),
    "--isolation",
    "inline",
    "--no-retry-failed",
    "--quiet",
  ]);
  assertEquals([code, err], [0, ""]);
  assertEquals(runs[0]?.roots.map((root) => root.name), ["clifix/Train"]);
  const { entry, ...options } = runs[0]!.options;
  assertMatch(entry, /^file:.*fixtures\/pipeline\.ts$/);
  assertEquals(options, {
    maxWorkers: { gpu: 1, default: 2 },
    window: 3,
    keepGoing: true,
    force: ["a/B", "c"],
    isolation: "inline",
    maxComputeRetries: 0,
    retryFailed: false,
    progress: "quiet",
  });
});

Deno.test("furu run leaves to the run what no flag says", async () => {
  const { runs } = await furu(["run", "pipeline.ts"]);
  const { entry: _, ...options } = runs[0]!.options;
  assertEquals(options, { keepGoing: false, progress: "auto" });
  assertEquals((await furu(["run", "pipeline.ts", "--json"])).runs[0]?.options.progress, "json");
});

Deno.test("furu takes the options of every command before the command, too", async () => {
  for (const quiet of ["--quiet", "-q"]) {
    const { code, configured, runs } = await furu(["--root", "/data/x", quiet, "run", "pipeline.ts"]);
    assertEquals([code, configured, runs.length], [0, [{ root: "/data/x", logLevel: "error" }], 1]);
  }
});

Deno.test("furu ends with 2 when an argument is missing, too much, or of the wrong form", async () => {
  for (
    const line of [
      "run",
      "run a.ts b.ts",
      "plan",
      "path",
      "path xyz",
      "path abc",
      "compute",
      "--workers 4 run pipeline.ts",
    ]
  ) {
    const { code, err, runs } = await furu(line.split(" "));
    assertEquals([code, runs.length], [2, 0], line);
    assertMatch(err, /--help' shows how it is used/, line);
  }
});

Deno.test("furu ends with 1 and the report alone when tasks failed", async () => {
  const runLocal = () =>
    Promise.reject(new RunFailedError("the report", summaryOf({ failures: [failureOf("a")] })));
  const { code, out, err } = await furu(["run", "pipeline.ts"], { runLocal });
  assertEquals([code, out, err], [1, "", "the report\n"]);
});

Deno.test("furu tells furu's own errors without a stack, with --verbose with it", async () => {
  const get = () => Promise.reject(new FuruError("Cannot do it", { log: "/store/1.log" }));
  const { code, err } = await furu(["get", "pipeline.ts#best"], { get });
  assertEquals([code, err], [1, "furu get: Cannot do it\n    log: /store/1.log\n"]);
  const verbose = await furu(["get", "pipeline.ts#best", "--verbose"], { get });
  assertMatch(verbose.err, /FuruError: Cannot do it\n +at /);
});

Deno.test("furu shows where in the user's code an error came from that furu passes on", async () => {
  const cause = new Error("boom");
  cause.stack = "Error: boom\n    at create (file:///x/pipeline.ts:3:7)";
  const get = () => Promise.reject(new FuruError("Cannot compute toy/Train(4f0c12ab): boom", { cause }));
  const { err } = await furu(["get", "pipeline.ts#best"], { get });
  assertStringIncludes(err, "    at create (file:///x/pipeline.ts:3:7)\n");
});

Deno.test("furu ends with 2 for a configuration that cannot be used", async () => {
  const configure = () => Promise.reject(new ConfigError("Cannot use FURU_LEASE_SECS=x"));
  assertEquals((await furu(["--root", "/x", "run", "pipeline.ts"], { configure })).code, 2);
});

Deno.test("furu ends with the code of the signal that interrupted a run, and adds nothing to what was told", async () => {
  for (const exitCode of [130, 143]) {
    const runLocal = () => Promise.reject(Object.assign(new FuruError("Interrupted"), { exitCode }));
    const { code, err } = await furu(["run", "pipeline.ts"], { runLocal });
    assertEquals([code, err], [exitCode, ""]);
  }
});

Deno.test("furu tells errors by their brand: those of users are shown, whatever they have, those of a copy of furu as its own", async () => {
  const of = async (error: unknown) =>
    await furu(["run", "pipeline.ts"], { runLocal: () => Promise.reject(error) });
  const program = await of(Object.assign(new Error("python ended"), { exitCode: 130 }));
  assertEquals(program.code, 1);
  assertStringIncludes(program.err, "python ended");
  const socket = await of(new Deno.errors.BrokenPipe("the socket is closed"));
  assertEquals(socket.code, 1);
  assertStringIncludes(socket.err, "the socket is closed");
  class UsageError extends Error {
    override name = "UsageError";
  }
  assertEquals((await of(new UsageError("not furu's"))).code, 1);
  const copy = await import(new URL("../../lib/core/errors.ts?copy", import.meta.url).href);
  const own = await of(new copy.ConfigError("Cannot use it"));
  assertEquals([own.code, own.err], [2, "furu run: Cannot use it\n"]);
});

Deno.test("furu calls an error of its own a bug, but none of the user's", async () => {
  const own = new TypeError("x is undefined");
  own.stack = `TypeError: x is undefined\n    at f (${new URL(
    "../../lib/run/get/get.ts",
    import.meta.url,
  )}:1:1)`;
  const { code, err } = await furu(["get", "pipeline.ts#best"], { get: () => Promise.reject(own) });
  assertEquals(code, 1);
  assertStringIncludes(err, "This looks like a bug in furu");
  const users = await furu(["run", "pipeline.ts#throwing"]);
  assertEquals(users.code, 1);
  assertMatch(users.err, /Error: no roots today\n[^]*pipeline\.ts:\d+/);
  assert(!users.err.includes("bug in furu"), users.err);
});

Deno.test("a script's program runs when no command is given, and takes its options at once", async () => {
  for (const args of [[], ["run"], ["--keep-going"], ["-w", "3"], ["--root", "/r", "--workers", "2"]]) {
    const { code, runs, err } = await furu(args, { program: script });
    assertEquals(
      [code, err, runs.length, runs[0]?.options.entry],
      [0, "", 1, "file:///x/script.ts"],
      args.join(" "),
    );
  }
  const help = await furu(["--help"], { program: script });
  assertStringIncludes(help.out, "Usage: script.ts COMMAND [options]");
  assertEquals(help.runs, []);
});

Deno.test("a script's program suggests the nearest command instead of running", async () => {
  const { code, err, runs } = await furu(["paln"], { program: script });
  assertEquals([code, runs], [2, []]);
  assertStringIncludes(err, "did you mean 'plan'?");
});
