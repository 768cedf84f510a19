import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { UsageError } from "../../lib/core/errors.ts";
import { choiceFlag, listFlag, switchFlag, valueFlag, wholeNumber } from "../../lib/cli/program/flag.ts";
import { parseFlags } from "../../lib/cli/parse_flags.ts";
import { parseWindow, parseWorkers } from "../../lib/cli/commands/run_flags.ts";

const flags = {
  workers: valueFlag("N", "how many", (text) => wholeNumber(text, 1), { short: "w" }),
  set: listFlag("KEY=VALUE", "a parameter"),
  quiet: switchFlag("say less", { short: "q" }),
  "no-color": switchFlag("no colours"),
  format: choiceFlag(["tree", "json"], "how"),
};

const parse = (...args: string[]) => parseFlags(args, flags);
const fails = (...args: string[]) => assertThrows(() => parse(...args), UsageError).message;

describe("parseFlags()", () => {
  it("takes long, short and joined forms anywhere between arguments", () => {
    const expected = {
      args: ["a", "b"],
      flags: { workers: 4, set: [], quiet: true, "no-color": true, format: "json" as const },
    };
    assertEquals(parse("a", "--workers", "4", "-q", "--no-color", "b", "--format=json"), expected);
    assertEquals(parse("-w4", "a", "--quiet", "--format", "json", "--no-color", "b"), expected);
  });

  it("gives what is absent", () => {
    const absent = { workers: undefined, set: [], quiet: false, "no-color": false, format: undefined };
    assertEquals(parse(), { args: [], flags: absent });
  });

  it("keeps every value of a repeated flag, with its equals signs, and the last of another", () => {
    const { flags: values } = parse(
      "--set",
      "lr=0.1",
      "--set=data.path=/a=b",
      "--set",
      "n=-1",
      "-w",
      "2",
      "-w",
      "3",
    );
    assertEquals(values.set, ["lr=0.1", "data.path=/a=b", "n=-1"]);
    assertEquals(values.workers, 3);
  });

  it("takes letters apart that stand together, and other names of a flag", () => {
    const more = {
      ...flags,
      jobs: valueFlag("N", "how many", (text) => wholeNumber(text, 1), {
        short: "j",
        also: ["J", "parallel"],
      }),
      all: switchFlag("everything", { short: "a" }),
    };
    const values = (...args: string[]) => {
      const { jobs, all, quiet, workers } = parseFlags(args, more).flags;
      return { jobs, all, quiet, workers };
    };
    const both = { jobs: 4, all: true, quiet: true, workers: undefined };
    for (const args of [["-aqj4"], ["-aqj", "4"], ["-qaj=4"], ["-aq", "--parallel", "4"], ["-qa", "-J4"]]) {
      assertEquals(values(...args), both, args.join(" "));
    }
    assertEquals(parseFlags(["-aw2", "--", "-qj4"], more).args, ["-qj4"]);
    assertEquals(assertThrows(() => parseFlags(["-ax"], more), UsageError).message, "Unknown option -x");
    assertEquals(
      assertThrows(() => parseFlags(["--paralel=3"], more), UsageError).message,
      "Unknown option --paralel; did you mean '--parallel'?",
    );
  });

  it("leaves arguments that look like numbers as they are, and all that follows --", () => {
    assertEquals(parse("0123", "1e5", "--", "--quiet", "x").args, ["0123", "1e5", "--quiet", "x"]);
  });

  it("refuses unknown flags and names the nearest", () => {
    assertEquals(fails("--wrokers", "4"), "Unknown option --wrokers; did you mean '--workers'?");
    assertEquals(fails("--xyzzy"), "Unknown option --xyzzy");
    assertEquals(fails("-x"), "Unknown option -x");
  });

  it("refuses values that are missing or not allowed, naming the flag", () => {
    assertEquals(fails("--workers"), "Option --workers needs a value: --workers N");
    assertEquals(fails("--set", "--quiet"), "Option --set needs a value: --set KEY=VALUE");
    for (const value of ["0", "-1", "1.5", "x", "1e3", "99999999999999999999"]) {
      const message = fails(`--workers=${value}`);
      assertEquals(
        message,
        `Cannot use option --workers: a whole number from 1 is needed: current value is '${value}'`,
      );
    }
    assertEquals(
      fails("--format", "jsn"),
      "Cannot use option --format: allowed are tree, json: current value is 'jsn'; did you mean 'json'?",
    );
  });
});

describe("parseWorkers()", () => {
  it("takes one number, or one for each spec", () => {
    assertEquals(parseWorkers("4"), 4);
    assertEquals(parseWorkers("gpu=1, default=8"), { gpu: 1, default: 8 });
    for (const text of ["", "0", "gpu", "gpu=", "gpu=0", "=1", "gpu=1,", "gpu=1,gpu=2", "a b=1"]) {
      assertThrows(() => parseWorkers(text), UsageError, undefined, text);
    }
  });
});

describe("parseWindow()", () => {
  it("takes dfs, bfs or a number from 1", () => {
    assertEquals(["dfs", "bfs", "3"].map(parseWindow), ["dfs", "bfs", 3]);
    for (const text of ["0", "-1", "DFS", "1.5", ""]) assertThrows(() => parseWindow(text), UsageError);
  });
});
