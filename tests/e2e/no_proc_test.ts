import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { describe, it } from "@std/testing/bdd";
import { Rig } from "../rig.ts";

const REPOSITORY = fromFileUrl(new URL("../..", import.meta.url));

/** Runs a program where /proc and /sys are empty, but for what Deno itself needs: as far as can be, another system. */
const WITHOUT_PROC = `mount -t tmpfs none /proc && mount -t tmpfs none /sys && mkdir /proc/self &&
  ln -s "$0" /proc/self/exe && exec "$0" "$@"`;

function start(args: readonly string[], env: Record<string, string>): Deno.CommandOutput {
  return new Deno.Command("unshare", {
    args: ["-m", "/bin/sh", "-c", WITHOUT_PROC, Deno.execPath(), ...args],
    env: { ...env, NO_COLOR: "1", FURU_RECORD_GIT: "ignore" },
    stdin: "null",
  }).outputSync();
}

/** It takes the right to mount. */
function canHide(): boolean {
  try {
    return start(["eval", "Deno.exit(Deno.statSync('/proc').isDirectory ? 0 : 1)"], {}).success;
  } catch {
    return false;
  }
}

const PIPELINE = `import { defineTask, get, z } from "${REPOSITORY}mod.ts";
const Part = defineTask({
  name: "proc/Part",
  params: z.object({ n: z.int() }),
  create: async ({ params, attempt, run }) => {
    if (params.n === 2 && attempt === 1) Deno.kill(Deno.pid, "SIGKILL");
    await run(["true"]);
    return params.n;
  },
});
const Sum = defineTask({
  name: "proc/Sum",
  params: z.object({ of: z.array(Part.schema) }),
  create: async ({ params }) => (await Promise.all(params.of.map((part) => get(part)))).reduce((a, b) => a + b, 0),
});
export default Sum({ of: [1, 2, 3].map((n) => Part({ n })) });
`;

describe("a system without /proc and /sys", { ignore: !canHide() }, () => {
  it("has runs with worker processes, one of which is killed, and says what it cannot have", async () => {
    await using rig = new Rig();
    const path = `${rig.folder}/pipeline.ts`;
    Deno.writeTextFileSync(path, PIPELINE);
    const furu = (...args: string[]): { code: number; out: string; err: string } => {
      const config = ["--no-check", "--config", `${REPOSITORY}deno.json`, `${REPOSITORY}cli.ts`];
      const { code, stdout, stderr } = start(["run", "-A", ...config, ...args], { FURU_PATH: rig.root });
      const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)) as [string, string];
      return { code, out, err };
    };
    const ran = furu("run", path, "-j2");
    assertEquals(ran.code, 0, ran.err);
    assertStringIncludes(ran.err, "the command line of this process cannot be read");
    assertStringIncludes(ran.err, "killed by SIGKILL");
    const got = furu("get", path);
    assertEquals([got.code, got.out.trim()], [0, "6"], got.err);
    assertMatch(furu("doctor").out, /\/proc +does not tell when processes began/);
  });
});
