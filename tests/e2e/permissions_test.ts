import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { dirname } from "@std/path/dirname";
import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { Rig, Script, until } from "../rig.ts";

const SCRIPT = fromFileUrl(new URL("./fixtures/permitted.ts", import.meta.url));
const CONFIG = fromFileUrl(new URL("../../deno.json", import.meta.url));

/** What the README says that is needed, as small as it can be. */
const ALLOWED = {
  get: (rig: Rig) => [`--allow-read=${dirname(CONFIG)},${rig.root}`, `--allow-write=${rig.root}`],
  inline: (rig: Rig) => ALLOWED.get(rig),
  run: () => ["--allow-read", "--allow-write", "--allow-run", "--allow-net"],
};

function start(rig: Rig, args: string[], flags: string[], env: Record<string, string> = {}): Script {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--quiet", "--config", CONFIG, ...flags, SCRIPT, ...args],
    env: { NO_COLOR: "1", FURU_PATH: rig.root, FURU_RECORD_GIT: "ignore", ...env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  return new Script(child);
}

const SEES_CONFIGURATION = "--allow-env=FURU_PATH,FURU_LEASE_SECS";

describe("with exactly the permissions that furu needs", () => {
  for (const how of ["get", "inline", "run"] as const) {
    it(`${how} computes and loads`, async () => {
      await using rig = new Rig();
      for (const _ of [1, 2]) {
        const { code, stdout, stderr } = await start(rig, [how], [...ALLOWED[how](rig), SEES_CONFIGURATION])
          .ended();
        // Worker processes may do anything: whoever may start programs, may.
        assertEquals({ code, stdout }, { code: 0, stdout: `${how === "run"}\n` }, stderr);
      }
      assertEquals(rig.tree().filter((name) => /^artifacts\/.*\.json$/.test(name)).length, 1);
    });
  }

  it("the death of a process is not seen at once: its lease has to end first", async () => {
    await using rig = new Rig();
    const flags = [...ALLOWED.get(rig), SEES_CONFIGURATION];
    const env = { FURU_LEASE_SECS: "1.5" };
    await using first = start(rig, ["get", "waits"], flags, env);
    const claim = () => rig.tree().find((name) => name.endsWith(".claim"));
    await until(() => claim() !== undefined, "it computes");
    const { owner } = JSON.parse(rig.read(join("store", claim()!)));
    assertEquals({ boot: owner.boot, start: owner.start, pidNamespace: owner.pidNamespace }, {
      boot: undefined,
      start: undefined,
      pidNamespace: undefined,
    });
    first.kill("SIGKILL");
    await first.ended();
    const began = performance.now();
    const { code, stdout, stderr } = await start(rig, ["get"], ["--allow-all"], env).ended();
    assertEquals({ code, stdout }, { code: 0, stdout: "true\n" }, stderr);
    assert(performance.now() - began > 1500, "nobody could know it before");
    assertEquals(rig.tree().filter((name) => /\/end-[^/]*\.json$/.test(name)).length, 1);
  });
});

describe("a permission that is missing", () => {
  const cases: [how: string, without: string, flags: (rig: Rig) => string[]][] = [
    ["get", "--allow-read", () => ["--allow-write"]],
    ["get", "--allow-write", () => ["--allow-read"]],
    ["run", "--allow-read", () => ["--allow-write", "--allow-run", "--allow-net"]],
    ["run", "--allow-write", () => ["--allow-read", "--allow-run", "--allow-net"]],
    ["run", "--allow-run", () => ["--allow-read", "--allow-write", "--allow-net"]],
    ["run", "--allow-net", () => ["--allow-read", "--allow-write", "--allow-run"]],
    ["slurm", "--allow-run and --allow-env and --allow-sys=uid", () => ["--allow-read", "--allow-write"]],
  ];
  for (const [how, without, flags] of cases) {
    it(`is named: ${how} without ${without}`, async () => {
      await using rig = new Rig();
      const { code, stderr } = await start(rig, [how], [...flags(rig), SEES_CONFIGURATION]).ended();
      assertEquals(code, 1);
      assertMatch(stderr, /ConfigError: Cannot /);
      assertStringIncludes(stderr, without);
      assertStringIncludes(stderr, "--allow-all");
      assertEquals(rig.tree(), []);
    });
  }
});
