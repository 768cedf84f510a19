import { assertEquals } from "@std/assert";
import { toFileUrl } from "@std/path/to-file-url";
import { describe, it } from "@std/testing/bdd";
import { REPOSITORY, Scene } from "./run_rig.ts";

const MOD = toFileUrl(`${REPOSITORY}mod.ts`).href;

/** A script that runs artifacts time after time, and prints which processes each run started and what is left of them. */
const SCRIPT = `import { defineTask, runLocal, z } from "${MOD}";
  const Some = defineTask({ name: "start/Some", params: z.object({ x: z.int() }), create: ({ params }) => params.x });
  if (import.meta.main) {
    let started = [];
    const Plain = Deno.Command;
    Deno.Command = class extends Plain {
      constructor(program, options) {
        super(program, options);
        this.program = program;
      }
      spawn() {
        const child = super.spawn();
        if (this.program === "/bin/sh") started.push(child.pid);
        return child;
      }
    };
    const lives = (pid) => {
      try {
        return Deno.statSync("/proc/" + pid).isDirectory;
      } catch {
        return false;
      }
    };
    for (const { some, aborted = false, options } of JSON.parse(Deno.args[0])) {
      started = [];
      const signal = aborted ? AbortSignal.abort(new Error("enough")) : undefined;
      const roots = some.map((x) => Some({ x }));
      const error = await runLocal(roots, { progress: "none", ...(signal && { signal }), ...options })
        .then(() => null, String);
      console.log(JSON.stringify({ started: started.length, left: started.filter(lives).length, error }));
    }
  }`;

interface Started {
  started: number;
  left: number;
  error: string | null;
}

async function runs(scene: Scene, each: unknown[]): Promise<Started[]> {
  const path = await scene.write("script.ts", SCRIPT);
  const { code, stdout, stderr } = await scene.spawn([path, JSON.stringify(each)]).ended;
  assertEquals(code, 0, stderr);
  return stdout.trim().split("\n").map((line) => JSON.parse(line));
}

describe("worker processes that are started before there is a plan", () => {
  it("are none where all is stored, and no more than what is missing or may be", async () => {
    await using scene = await Scene.make();
    const found = await runs(scene, [
      { some: [1], options: { maxWorkers: 4 } },
      { some: [1], options: { maxWorkers: 4 } },
      { some: [1, 2, 3], options: { maxWorkers: 4 } },
      { some: [1, 2, 3], options: { maxWorkers: 4 } },
      { some: [4, 5, 6], options: { maxWorkers: 1 } },
      { some: [7, 8], options: { isolation: "inline" } },
    ]);
    assertEquals(found.map(({ started, error }) => [started, error]), [
      [1, null],
      [0, null],
      [2, null],
      [0, null],
      [1, null],
      [0, null],
    ]);
  });

  it("are gone when there is no plan after all", async () => {
    await using scene = await Scene.make();
    const [found] = await runs(scene, [{ some: [1], aborted: true }]);
    assertEquals(found, { started: 1, left: 0, error: "Error: enough" });
    assertEquals(scene.temporary(), []);
  });
});
