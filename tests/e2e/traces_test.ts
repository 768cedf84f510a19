import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { join } from "@std/path/join";
import { REPOSITORY, Scene } from "./run_rig.ts";

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
const LIVELY_OF_NODE = ["nodeTimer", "processListener"];
const HANDLER = "handler"; // a listener, by a global name
const PROGRAMS =
  ("run runHoldsNothing runNohup runSetsid runTwice runCleared runDeaf runNotAwaited command " +
    "commandDetached commandShell").split(" ");

/** Leaves traces of some kinds, all by default, and tells what the task after each saw. */
async function leave(mode: string, kinds: string[] = []): Promise<Map<string, Seen>> {
  await using scene = await Scene.make();
  await scene.write("here/number.txt", "1");
  await scene.write("other/number.txt", "99");
  const script = join(REPOSITORY, "tests/e2e/fixtures_run/traces.ts");
  const cwd = join(scene.folder, "here");
  const { code, stdout, stderr } = await scene.spawn(["--no-check", script, mode, ...kinds], {}, cwd).ended;
  assertEquals(code, 0, stderr);
  const report = JSON.parse(stdout.trim().split("\n").at(-1)!) as Record<string, Omit<Seen, "log">>;
  const found = Object.entries(report).map(([kind, seen]) => {
    const home = join(scene.root, "artifacts/traces/Leave", seen.hash);
    const logs = [...Deno.readDirSync(home)].map(({ name }) => name).filter((name) => name.endsWith(".log"));
    return [kind, {
      ...seen,
      log: logs.sort().map((name) => Deno.readTextFileSync(join(home, name))).join(""),
    }];
  });
  return new Map(found as [string, Seen][]);
}

describe("a worker", () => {
  it("shows no task a trace of the one before, whatever it left", async () => {
    const all = await leave("local");
    assertEquals([...all].filter(([, { seen }]) => seen !== "clean"), []);
    for (const kind of QUIET) {
      assertEquals([all.get(kind)!.log, all.get(kind)!.replaced], ["", false], kind);
    }
    for (const kind of [...GLOBALS, ...BUILTINS, ...LIVELY, ...LIVELY_OF_NODE, HANDLER]) {
      const { log, replaced } = all.get(kind)!;
      assertMatch(
        log,
        /^furu: the task (changed|left behind) [^\n]+\nfuru: no other task may see that/,
        kind,
      );
      // Once, and no more than once.
      assertEquals([log.split("is replaced").length, replaced], [2, true], kind);
    }
    for (const kind of [...PROGRAMS, "nodeSpawn"]) {
      const { log, replaced } = all.get(kind)!;
      assertMatch(log, /^furu: the task left running: `[^\n]*sleep \d+` \(ended now\)\n$/, kind);
      assertEquals(replaced, false, kind);
    }
  });
});

for (const mode of ["inline", "get"]) {
  const where = mode === "get" ? "get" : "isolation: inline";
  describe(`${where}, in the process of the script`, () => {
    it("puts back folder and environment, ends timers, listeners and programs, refuses changed builtins", async () => {
      const all = await leave(mode);
      for (const kind of QUIET) assertEquals([all.get(kind)!.seen, all.get(kind)!.log], ["clean", ""], kind);
      for (const kind of [...GLOBALS, ...LIVELY, ...PROGRAMS]) {
        const { seen, log } = all.get(kind)!;
        assertEquals(seen, "clean", kind);
        assertMatch(log, /^furu: traces\/Leave\(\w+\) (changed|left behind|left running)[^\n]+\n$/, kind);
      }
      // What cannot be put back is refused, and fails at the first try; a second one finds it so.
      for (const kind of BUILTINS.filter((each) => each !== "frozen")) {
        const { error } = all.get(kind)!;
        assert(error !== undefined, kind);
        assertMatch(
          error,
          /Cannot keep the value of .* changed \S+: other code of this process sees that/,
          kind,
        );
      }
    });
  });
}
