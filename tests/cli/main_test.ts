import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConfigError, FuruError, RunFailedError } from "../../lib/core/errors.ts";
import { commands } from "../../lib/cli/commands/commands.ts";
import { failureOf, summaryOf } from "../ui/events.ts";
import { resolveConfig } from "../../lib/core/config.ts";
import { furuGlobals } from "../../lib/core/globals.ts";
import { systemRuntime } from "../../lib/run/default_runtime.ts";
import { furu } from "./rig.ts";

const script = { name: "script.ts", script: { url: "file:///x/script.ts", roots: [] } };

describe("furu", () => {
  it("--help lists the commands on stdout and ends with 0", async () => {
    for (const args of [["--help"], ["-h"], ["help"]]) {
      const { code, out, err } = await furu(args);
      assertEquals({ code, err }, { code: 0, err: "" });
      for (const { name } of commands.filter(({ hidden }) => !hidden)) {
        assertMatch(out, new RegExp(`^  ${name} +\\w`, "m"));
      }
    }
  });

  it("alone shows its help on stderr and ends with 2", async () => {
    const { code, out, err } = await furu([]);
    assertEquals({ code, out }, { code: 2, out: "" });
    assertStringIncludes(err, "Usage: furu COMMAND [options]");
  });

  for (const { name } of commands) {
    it(`${name} --help tells usage, every option and examples`, async () => {
      for (const args of [[name, "--help"], ["help", name], [name, "-h", "x", "--force", "y"]]) {
        const { code, out, err } = await furu(args);
        assertEquals({ code, err }, { code: 0, err: "" });
        assertStringIncludes(out, `Usage: furu ${name} `);
        assertStringIncludes(out, "Examples:\n  furu ");
        assertStringIncludes(out, "--root DIR");
        assert(!out.includes("undefined"), out);
      }
    });
  }

  it("wraps its help to the terminal, and to 80 columns where there is none", async () => {
    for (const [width, columns] of [[72, 72], [200, 100], [undefined, 80]] as const) {
      for (const { name } of commands) {
        const { out } = await furu([name, "--help"], width === undefined ? {} : { width });
        const [head] = out.split("Examples:");
        const texts = head!.split("\n").filter((line) => !line.startsWith("Usage:"));
        assert(texts.slice(1).every((line) => line.length <= columns), out);
      }
    }
    const { out } = await furu(["run", "--help"], { width: 60 });
    assertStringIncludes(
      out,
      [
        "      --isolation process|inline  Where tasks run: in worker",
        "                                  processes (default) or in",
        "                                  this one",
      ].join("\n"),
    );
  });

  it("suggests the nearest command and option, and ends with 2", async () => {
    const command = await furu(["pln", "x.ts"]);
    assertEquals(command.code, 2);
    assertStringIncludes(command.err, "furu: Unknown command 'pln'; did you mean 'plan'?");
    const far = await furu(["frobnicate"]);
    assertStringIncludes(far.err, "commands are run, plan, get, follow, cancel, ");
    const option = await furu(["run", "--keep-goin", "pipeline.ts"]);
    assertEquals({ code: option.code, runs: option.runs.length }, { code: 2, runs: 0 });
    assertStringIncludes(option.err, "furu run: Unknown option --keep-goin; did you mean '--keep-going'?");
  });

  it("tells who leaves out the command, or has the word of another program, what to type", async () => {
    const module = await furu(["pipeline.ts"]);
    assertEquals(module.code, 2);
    assertStringIncludes(module.err, "'furu run pipeline.ts' computes what it asks for");
    assertStringIncludes((await furu(["list"])).err, "Unknown command 'list'; 'furu ls' does that");
    const { err } = await furu(["rm", "x", "--dry-run"]);
    assertStringIncludes(err, "Unknown option --dry-run: nothing is changed without --apply");
  });

  it("plans with --dry-run, and runs with the letters of other programs", async () => {
    const dry = await furu(["run", "-n", "pipeline.ts"]);
    assertEquals({ code: dry.code, runs: dry.runs.length }, { code: 0, runs: 0 });
    assertStringIncludes(dry.out, "0 artifacts");
    const { runs } = await furu(["run", "-kj4", "pipeline.ts"]);
    const { keepGoing, maxWorkers } = runs[0]!.options;
    assertEquals({ keepGoing, maxWorkers }, { keepGoing: true, maxWorkers: 4 });
    assertStringIncludes((await furu(["run", "--version"])).out, "furu ");
  });

  it("takes the options of every command before the command, too", async () => {
    for (const quiet of ["--quiet", "-q"]) {
      const { code, configured, runs } = await furu(["--root", "/data/x", quiet, "run", "pipeline.ts"]);
      assertEquals({ code, configured, runs: runs.length }, {
        code: 0,
        configured: [{ root: "/data/x" }],
        runs: 1,
      });
      // What attempts log does not become less.
      assertEquals(furuGlobals().quiet, true);
    }
    await furu(["run", "pipeline.ts"]);
    assertEquals(furuGlobals().quiet, false);
  });

  it("shows only errors where it is quiet, and has attempts log as ever", () => {
    const lines: string[] = [];
    furuGlobals().quiet = true;
    const { config, logger } = systemRuntime(resolveConfig(), { log: (line) => lines.push(line) });
    furuGlobals().quiet = false;
    logger.warn("a warning");
    logger.error("an error");
    assertEquals([config.logLevel, lines.length], ["info", 1]);
    assertStringIncludes(lines[0]!, "an error");
  });

  it("ends with 2 when an argument is missing, too much, or of the wrong form", async () => {
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
      assertEquals({ code, runs: runs.length }, { code: 2, runs: 0 }, line);
      assertMatch(err, /--help' shows how it is used/, line);
    }
  });

  it("ends with 1 and the report alone when tasks failed", async () => {
    const runLocal = () =>
      Promise.reject(new RunFailedError("the report", summaryOf({ failures: [failureOf("a")] })));
    const { code, out, err } = await furu(["run", "pipeline.ts"], { runLocal });
    assertEquals({ code, out, err }, { code: 1, out: "", err: "the report\n" });
  });

  it("tells furu's own errors without a stack, with --verbose with it", async () => {
    const get = () => Promise.reject(new FuruError("Cannot do it", { log: "/store/1.log" }));
    const { code, err } = await furu(["get", "pipeline.ts#best"], { get });
    assertEquals({ code, err }, { code: 1, err: "furu get: Cannot do it\n    log: /store/1.log\n" });
    const verbose = await furu(["get", "pipeline.ts#best", "--verbose"], { get });
    assertMatch(verbose.err, /FuruError: Cannot do it\n +at /);
  });

  it("shows where in the user's code an error came from that furu passes on", async () => {
    const cause = new Error("boom");
    cause.stack = "Error: boom\n    at create (file:///x/pipeline.ts:3:7)";
    const get = () => Promise.reject(new FuruError("Cannot compute toy/Train(4f0c12ab): boom", { cause }));
    const { err } = await furu(["get", "pipeline.ts#best"], { get });
    assertStringIncludes(err, "    at create (file:///x/pipeline.ts:3:7)\n");
  });

  it("ends with 2 for a configuration that cannot be used", async () => {
    const configure = () => Promise.reject(new ConfigError("Cannot use FURU_LEASE_SECS=x"));
    assertEquals((await furu(["--root", "/x", "run", "pipeline.ts"], { configure })).code, 2);
  });

  it("ends with the code of the signal that interrupted a run, and adds nothing to what was told", async () => {
    for (const exitCode of [130, 143]) {
      const runLocal = () => Promise.reject(Object.assign(new FuruError("Interrupted"), { exitCode }));
      const { code, err } = await furu(["run", "pipeline.ts"], { runLocal });
      assertEquals({ code, err }, { code: exitCode, err: "" });
    }
  });

  it("tells errors by their brand: those of users are shown, whatever they have, those of a copy of furu as its own", async () => {
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
    assertEquals({ code: own.code, err: own.err }, { code: 2, err: "furu run: Cannot use it\n" });
  });

  it("calls an error of its own a bug, but none of the user's", async () => {
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

  it("a script's program runs when no command is given, and takes its options at once", async () => {
    for (const args of [[], ["run"], ["--keep-going"], ["-w", "3"], ["--root", "/r", "--workers", "2"]]) {
      const { code, runs, err } = await furu(args, { program: script });
      assertEquals({ code, err, runs: runs.length, entry: runs[0]?.options.entry }, {
        code: 0,
        err: "",
        runs: 1,
        entry: "file:///x/script.ts",
      }, args.join(" "));
    }
    const help = await furu(["--help"], { program: script });
    assertStringIncludes(help.out, "Usage: script.ts COMMAND [options]");
    assertEquals(help.runs, []);
  });

  it("a script's program suggests the nearest command instead of running", async () => {
    const { code, err, runs } = await furu(["paln"], { program: script });
    assertEquals({ code, runs }, { code: 2, runs: [] });
    assertStringIncludes(err, "did you mean 'plan'?");
  });
});

describe("furu run", () => {
  it("gives roots and options to the run", async () => {
    const args = "run pipeline.ts --workers gpu=1,default=2 --window 3 -k --force a/B --force c --retries 0";
    const { code, runs, err } = await furu([
      ...args.split(" "),
      "--isolation",
      "inline",
      "--no-retry-failed",
      "--quiet",
    ]);
    assertEquals({ code, err }, { code: 0, err: "" });
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

  it("leaves to the run what no flag says", async () => {
    const { runs } = await furu(["run", "pipeline.ts"]);
    const { entry: _, ...options } = runs[0]!.options;
    assertEquals(options, { keepGoing: false, progress: "auto" });
    assertEquals((await furu(["run", "pipeline.ts", "--json"])).runs[0]?.options.progress, "json");
  });
});
