import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { FURU_VERSION } from "../../lib/core/version.ts";
import { systemMachine } from "../../lib/core/system_machine.ts";
import { Provenance } from "../../lib/store/provenance.ts";
import { job } from "../e2e/job.ts";
import { Rig, textOf } from "../rig.ts";

Deno.test("provenance says with what, where, by whom and how a result was made", async () => {
  const { self } = systemMachine();
  const known = await new Provenance("ignore", self).collect();
  assertEquals([known.furu, known.deno, known.host, known.pid], [
    FURU_VERSION,
    Deno.version.deno,
    Deno.hostname(),
    Deno.pid,
  ]);
  assertMatch(String(known.os), /^(linux|darwin|windows)/);
  assert(Array.isArray(known.command) && known.command.includes(Deno.mainModule));
  assertEquals(known.user, self.user);
  assertEquals("git" in known, false);
  if (Deno.build.os === "linux") assert(Number(known.peakMemoryBytes) > 1e6);
  assertEquals(JSON.parse(JSON.stringify(known)), known, "it is JSON");
});

Deno.test("what git said to another process of the run is not asked again", async () => {
  const { self } = systemMachine();
  const git = { commit: "f".repeat(40), dirty: true };
  assertEquals((await new Provenance("cached", self, { git }).collect()).git, git);
  assertEquals("git" in await new Provenance("cached", self, { git: null }).collect(), false);
  assertEquals(await new Provenance("ignore", self, { git }).git(), undefined);
});

const script = fromFileUrl(new URL("./fixtures/git_state.ts", import.meta.url));

/** What git tells a process in a folder, with that PATH. */
async function gitState(cwd: string, path?: string): Promise<unknown> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      "--config",
      fromFileUrl(new URL("../../deno.json", import.meta.url)),
      script,
    ],
    cwd,
    env: { GIT_CONFIG_GLOBAL: "/dev/null", ...(path === undefined ? {} : { PATH: path }) },
  }).output();
  const text = new TextDecoder();
  return JSON.parse(text.decode(stdout) || `{"stderr":${JSON.stringify(text.decode(stderr))}}`);
}

async function git(cwd: string, ...args: string[]): Promise<void> {
  const how = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
  const { success, stderr } = await new Deno.Command("git", { args: [...how, ...args], cwd }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

const hasGit = await new Deno.Command("git", { args: ["--version"], stdout: "null" }).output()
  .then(({ success }) => success, () => false);

Deno.test({
  name: "provenance tells the commit, and whether there are changes since",
  ignore: !hasGit,
  fn: async () => {
    await using rig = new Rig();
    await git(rig.folder, "init", "-q");
    assertEquals(await gitState(rig.folder), null, "no commit yet");
    rig.touch("file");
    await git(rig.folder, "add", ".");
    await git(rig.folder, "commit", "-q", "-m", "first");
    const clean = await gitState(rig.folder) as { commit: string; dirty: boolean };
    assertMatch(clean.commit, /^[0-9a-f]{40}$/);
    assertEquals(clean.dirty, false);
    Deno.writeTextFileSync(`${rig.folder}/file`, "changed");
    assertEquals(await gitState(rig.folder), { commit: clean.commit, dirty: true });
    assertEquals(await gitState(rig.folder, "/nowhere"), null, "git is never required");
  },
});

Deno.test("the record of a result holds its provenance, its times and its identity", async () => {
  await using rig = new Rig();
  const script = job(rig, ["get", "Plain"]);
  assertEquals((await script.ended()).code, 0, script.stderr);
  const record = JSON.parse(textOf(`${rig.root}/${rig.tree().find((name) => name.endsWith(".json"))}`));
  assertEquals(record.identity, { scheme: 1, task: "e2e/Plain", params: { id: "one" } });
  assertEquals([record.schema, record.attempt, record.files], [1, 1, false]);
  assertMatch(record.createdAt, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
  assert(record.durationMs >= 0);
  assertEquals(record.provenance.pid, script.pid);
  assert(
    record.provenance.command.join(" ").endsWith("job.ts get Plain"),
    record.provenance.command.join(" "),
  );
});
