import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { describe, it } from "@std/testing/bdd";

interface Seen {
  seen: string[];
  after: { env: string; umask: number };
  logged: string[];
  spoilt: boolean;
}

/** Runs the script once for all tests: what was seen after each task. */
async function report(): Promise<Map<string, Seen>> {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "TRACE=1\n");
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--config",
        fromFileUrl(new URL("../../../deno.json", import.meta.url)),
        fromFileUrl(new URL("traces_script.ts", import.meta.url)),
        file,
      ],
      env: { FURU_PROGRAMS_OF: `test-${crypto.randomUUID()}` }, // as a worker has it
      stderr: "inherit",
    }).output();
    return new Map(Object.entries(JSON.parse(new TextDecoder().decode(stdout)) as Record<string, Seen>));
  } finally {
    await Deno.remove(file);
  }
}

const reported = report();

async function linesOf(series: string): Promise<[string, Seen][]> {
  const lines = [...await reported].filter(([what]) => what.startsWith(`${series}: `));
  return lines.map(([what, seen]) => [what.slice(series.length + 2), seen]);
}

describe("WorkerTraces between its close looks, where node's modules are loaded,", () => {
  for (const series of ["env", "validate", "umask"]) {
    it(`${series}: no code sees what the one before changed, and the process stays`, async () => {
      const lines = await linesOf(series);
      assertEquals(lines.length > 1, true);
      const before = lines[0]![1].after.umask;
      for (const [what, { seen, after, logged, spoilt }] of lines) {
        assertEquals(seen.every((each) => each === "nothing"), true, what);
        assertEquals({ what, logged, spoilt, umask: after.umask }, {
          what,
          logged: [],
          spoilt: false,
          umask: before,
        });
      }
    });
  }

  it("the environment is looked at after each task once one has changed it unseen", async () => {
    const after = (await linesOf("env")).map(([what, { after }]) => [what, after.env]);
    assertEquals(after, [
      ["nothing", "clean"],
      ["loaded", "1"],
      ["next", "clean"],
      ["again", "clean"],
      ["last", "clean"],
    ]);
  });

  for (const series of ["program", "ended program"]) {
    it(`${series}: what node's modules started is ended, though nothing told of it`, async () => {
      const [, [what, { logged, spoilt }]] = await linesOf(series) as [unknown, [string, Seen]];
      assertEquals({ what, spoilt, lines: logged.length }, { what: "left", spoilt: false, lines: 1 });
      assertEquals(
        /^furu: the task left running: `.*sleep 9753\d( &)?` \(ended now\)\n$/.test(logged[0]!),
        true,
        logged[0],
      );
    });
  }

  it("thread: a worker of node:worker_threads is found, and the process takes no other task", async () => {
    const [[, before], [, after]] = await linesOf("thread") as [[string, Seen], [string, Seen]];
    assertEquals([before.spoilt, after.spoilt], [false, true]);
    assertEquals(/a Web Worker \(worker-\d+\)/.test(after.logged[0]!), true, after.logged[0]);
  });
});
