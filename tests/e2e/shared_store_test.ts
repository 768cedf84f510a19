import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { walk } from "@std/fs/walk";
import { fromFileUrl } from "@std/path/from-file-url";
import { describe, it } from "@std/testing/bdd";
import { Rig } from "../rig.ts";

const REPOSITORY = new URL("../..", import.meta.url);
const CONFIG = fromFileUrl(new URL("deno.json", REPOSITORY));
const GROUP = 2000;

const SCRIPT = `
import { defineTask, get, runLocal, z } from ${JSON.stringify(new URL("mod.ts", REPOSITORY).href)};
export const A = defineTask({
  name: "shared/A",
  params: z.object({}),
  create: async ({ attempt, dir, checkpointDir, log, run }) => {
    console.log("printed");
    log.info("logged");
    await run(["echo", "from a program"]);
    Deno.mkdirSync(dir + "/below");
    Deno.writeTextFileSync(dir + "/below/file", "");
    const step = checkpointDir + "/step";
    let before = "";
    try { before = Deno.readTextFileSync(step); } catch {}
    Deno.writeTextFileSync(step, "step of " + attempt);
    if (attempt === 1) throw new Error("no luck");
    return { before, dir };
  },
});
if (import.meta.main) {
  const how = Deno.args[0];
  if (how === "get") console.log(JSON.stringify(await get(A())));
  else {
    await runLocal(A(), { isolation: how, maxComputeRetries: 0, progress: "plain" });
    console.log(JSON.stringify(await get(A())));
  }
}`;

/** A store that its group may write, and somebody whose umask gives the group nothing. */
function sharedStore(rig: Rig): void {
  Deno.mkdirSync(rig.root);
  Deno.chmodSync(rig.root, 0o2775);
  Deno.writeTextFileSync(`${rig.folder}/script.ts`, SCRIPT);
}

async function run(rig: Rig, how: string, command: string[] = ["sh", "-c", 'umask 077; exec "$@"', "sh"]) {
  const [program, ...args] = [
    ...command,
    Deno.execPath(),
    "run",
    "-A",
    "--quiet",
    "--config",
    CONFIG,
    `${rig.folder}/script.ts`,
    how,
  ];
  const { code, stdout, stderr } = await new Deno.Command(program!, {
    args,
    env: { NO_COLOR: "1", FURU_RECORD_GIT: "ignore", FURU_PATH: rig.root },
    stdin: "null",
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

/** Paths in the store that its group may not write. */
async function closed(rig: Rig): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path, isDirectory } of walk(rig.root)) {
    const mode = Deno.statSync(path).mode!;
    const needed = isDirectory ? 0o2070 : 0o060;
    if ((mode & needed) !== needed) paths.push(`${path.slice(rig.root.length)} ${mode.toString(8)}`);
  }
  return paths;
}

describe("in a store that its group may write", () => {
  for (const how of ["get", "inline", "process"]) {
    it(`all that ${how} leaves may be written by the group, whatever the umask`, async () => {
      await using rig = new Rig();
      sharedStore(rig);
      const failed = await run(rig, how);
      assertEquals(failed.code, 1, failed.stderr);
      assertEquals(await closed(rig), []);
      assert(rig.tree().some((name) => name.endsWith(".checkpoint/step")), rig.tree().join("\n"));
      assert(rig.tree().some((name) => name.endsWith(".log")));
      const done = await run(rig, how);
      assertEquals(done.code, 0, done.stderr);
      assertStringIncludes(done.stdout, '"before":"step of 1"');
      assertEquals(await closed(rig), []);
    });
  }
});

/** Root without its powers is a user like any other, who may read where Deno is. */
const AS_OTHER = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--groups", `${GROUP}`];

async function canBeOther(): Promise<boolean> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return false;
  try {
    return (await new Deno.Command(AS_OTHER[0]!, { args: [...AS_OTHER.slice(1), "true"] }).output()).success;
  } catch {
    return false;
  }
}

const ignore = !(await canBeOther());

describe("a checkpoint of another user", () => {
  const cases: [name: string, folder: number, file: number, taken: boolean][] = [
    ["whose folder is closed is left, and said", 0o755, 0o644, false],
    ["whose file is closed is left, and said", 0o2775, 0o644, false],
    ["that is open to the group is taken over", 0o2775, 0o664, true],
  ];
  for (const [name, folder, file, taken] of cases) {
    for (const how of ["get", "process"]) {
      it({
        name: `${name} (${how})`,
        ignore,
        fn: async () => {
          await using rig = new Rig();
          sharedStore(rig);
          assertEquals((await run(rig, "get")).code, 1);
          // As it is when the first one was killed before it could open what its task had made.
          for await (const { path } of walk(rig.root)) Deno.chownSync(path, 1001, GROUP);
          for await (const { path, isDirectory } of walk(rig.root)) {
            if (isDirectory) Deno.chmodSync(path, path.endsWith(".checkpoint") ? folder : 0o2775);
            if (path.endsWith(".checkpoint/step")) Deno.chmodSync(path, file);
          }
          const { code, stdout, stderr } = await run(rig, how, AS_OTHER);
          assertEquals(code, 0, stderr);
          assertStringIncludes(stdout, `"before":"${taken ? "step of 1" : ""}"`);
          const said = /goes on without the checkpoint of attempt 1, which cannot be taken over \(EACCES\)/;
          if (taken) assert(!said.test(stderr), stderr);
          else {
            assertMatch(stderr, said);
            const log = rig.tree().find((path) => /\/2-[^/]*\.log$/.test(path));
            assertMatch(rig.read(`store/${log}`), said);
          }
        },
      });
    }
  }
});
