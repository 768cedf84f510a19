import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { join } from "@std/path/join";
import { REPOSITORY, Scene } from "./run_rig.ts";
import { tellsNodeTimers } from "../this_deno.ts";

interface Seen {
  seen?: string;
  replaced?: boolean;
  error?: string;
  hash: string;
  log: string;
}

/** Put back, without a word. */
const QUIET =
  "chdir nodeChdir folderRemoved envSet envChanged envDeleted nodeEnv umask exitCode stackTraceLimit".split(
    " ",
  );
/** A change of what belongs to everybody. */
const GLOBALS = "globalAdded globalChanged globalDeleted".split(" ");
const BUILTINS =
  ("fetchMocked arrayMap prototypeAdded enumerable jsonStringify dateNow random sizeGetter iterator " +
    "then typedArray frozen consoleReplaced denoReplaced").split(" ");
/** What goes on by itself. */
const LIVELY = "timeout interval eventListener signalListener webWorker server".split(" ");
const LIVELY_OF_NODE = [...(tellsNodeTimers ? ["nodeTimer"] : []), "processListener"];
/** Of node, where its modules are loaded. */
const MORE = ["processListener", "nodeSpawn"];
const HANDLER = "handler"; // a listener, by a global name
const PROGRAMS =
  ("run runHoldsNothing runNohup runSetsid runTwice runCleared runDeaf runNotAwaited command " +
    "commandDetached commandShell").split(" ");

/** Leaves traces of some kinds, and tells what the task after each saw. */
async function leave(mode: string, kinds: string[]): Promise<Map<string, Seen>> {
  await using scene = await Scene.make();
  await scene.write("here/number.txt", "1");
  await scene.write("other/number.txt", "99");
  const script = join(REPOSITORY, "tests/e2e/fixtures_run/traces.ts");
  const cwd = join(scene.folder, "here");
  const { code, stdout, stderr } = await scene.spawn(
    ["--no-check", script, mode],
    { KINDS: kinds.join(" ") },
    cwd,
  ).ended;
  assertEquals(code, 0, stderr);
  const report = JSON.parse(stdout.trim().split("\n").at(-1)!) as Record<string, Omit<Seen, "log">>;
  const found = Object.entries(report).map(([kind, seen]) => {
    const home = join(scene.root, "artifacts/traces/Leave", seen.hash);
    let log = "";
    for (let attempt = 1; attempt <= 2; attempt++) log += logOf(home, attempt);
    return [kind, { ...seen, log }];
  });
  return new Map(found as [string, Seen][]);
}

/** The log of an attempt; empty where there is none. */
function logOf(home: string, attempt: number): string {
  try {
    const name = [...Deno.readDirSync(home)].find(({ name }) =>
      name.startsWith(`${attempt}-`) && name.endsWith(".log")
    );
    return name === undefined ? "" : Deno.readTextFileSync(join(home, name.name));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

describe("a worker shows no task a trace of the one before:", () => {
  it("folder, environment and the like are put back without a word", async () => {
    for (const [kind, { seen, log, replaced }] of await leave("local", [...QUIET, "chdirThrows"])) {
      assertEquals({ kind, seen, replaced }, { kind, seen: "clean", replaced: false });
      if (kind !== "chdirThrows") assertEquals(log, "", kind);
    }
  });

  for (
    const [what, kinds] of Object.entries({
      globals: GLOBALS,
      "what belongs to the language": BUILTINS,
      "what goes on by itself": [...LIVELY, ...LIVELY_OF_NODE, HANDLER],
    })
  ) {
    it(`${what}: its process is replaced, which the log says once`, async () => {
      for (const [kind, { seen, log, replaced }] of await leave("local", kinds)) {
        assertEquals({ kind, seen, replaced }, { kind, seen: "clean", replaced: true });
        assertMatch(log, /^furu: the task (changed|left behind)/, kind);
        assertEquals(log.split("is replaced").length, 2, log);
      }
    });
  }

  it("programs are ended, and the process stays", async () => {
    for (const [kind, { seen, log, replaced }] of await leave("local", [...PROGRAMS, "nodeSpawn"])) {
      assertEquals({ kind, seen, replaced }, { kind, seen: "clean", replaced: false });
      // It may be seen before it has become the program that it starts: `setsid sh -c sleep 9 &`; while it
      // becomes it, there is only its name.
      assertMatch(
        log,
        /^furu: the task left running: `([^\n]*sleep \d+[^\n]*|sleep|sh|setsid)` \(ended now\)\n$/,
        kind,
      );
    }
  });
});

for (const mode of ["inline", "get"]) {
  describe(`${mode === "get" ? "get" : "isolation: inline"}, in the process of the script,`, () => {
    it("puts back folder and environment without a word", async () => {
      for (const [kind, { seen, log }] of await leave(mode, QUIET)) {
        assertEquals({ kind, seen, log }, { kind, seen: "clean", log: "" });
      }
    });

    it("ends timers, listeners and programs, removes globals, and says so", async () => {
      for (const [kind, { seen, log }] of await leave(mode, [...GLOBALS, ...LIVELY, ...PROGRAMS, ...MORE])) {
        assertEquals({ kind, seen }, { kind, seen: "clean" });
        assertMatch(log, /^(furu: traces\/Leave\(\w+\) (changed|left behind|left running)[^\n]+\n)+$/, kind);
      }
    });

    it("refuses changes of what belongs to the language", async () => {
      for (const [kind, { error }] of await leave(mode, BUILTINS.filter((each) => each !== "frozen"))) {
        assert(error !== undefined, kind);
        assertMatch(
          error,
          /Cannot keep the value of .* changed .*: other code of this process sees that/,
          kind,
        );
      }
    });
  });
}
