import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { describe, it } from "@std/testing/bdd";
import { FURU_VERSION } from "../../../lib/core/version.ts";
import { systemMachine } from "../../../lib/core/system/system_machine.ts";
import { Provenance } from "../../../lib/store/results/provenance.ts";
import { job } from "../../e2e/job.ts";
import { exists, Rig, textOf, until } from "../../rig.ts";

const hasGit = await new Deno.Command("git", { args: ["--version"], stdout: "null" }).output()
  .then(({ success }) => success, () => false);

describe("provenance", () => {
  it("provenance says with what, where, by whom and how a result was made", async () => {
    const { self } = systemMachine();
    const known = await new Provenance("ignore", self).collect({ peakMemoryBytes: 2e6 });
    assertEquals({ furu: known.furu, deno: known.deno, host: known.host, pid: known.pid }, {
      furu: FURU_VERSION,
      deno: Deno.version.deno,
      host: Deno.hostname(),
      pid: Deno.pid,
    });
    assertMatch(String(known.os), /^(linux|darwin|windows)/);
    assert(Array.isArray(known.command) && known.command.includes(Deno.mainModule));
    assertEquals(known.user, self.user);
    assertEquals("git" in known, false);
    assertEquals(known.peakMemoryBytes, 2e6);
    assertEquals(JSON.parse(JSON.stringify(known)), known, "it is JSON");
  });

  it("what git said to another process of the run is not asked again", async () => {
    const { self } = systemMachine();
    const git = { commit: "f".repeat(40), dirty: true };
    assertEquals((await new Provenance("cached", self, { git }).collect({ peakMemoryBytes: 2e6 })).git, git);
    assertEquals(
      "git" in await new Provenance("cached", self, { git: null }).collect({ peakMemoryBytes: 2e6 }),
      false,
    );
    assertEquals(await new Provenance("ignore", self, { git }).git(), undefined);
  });

  const fixture = new URL("../fixtures/git_state.ts", import.meta.url);

  /** What git tells a pipeline in a folder, with that environment, wherever it is started. */
  async function gitState(
    folder: string,
    env: Record<string, string> = {},
    script = `${folder}/pipeline.ts`,
  ): Promise<unknown> {
    const cwd = await Deno.makeTempDir();
    if (script.startsWith(folder)) {
      Deno.writeTextFileSync(script, `import ${JSON.stringify(fixture.href)};`);
    }
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        "--config",
        fromFileUrl(new URL("../../../deno.json", import.meta.url)),
        script,
      ],
      cwd,
      env: { GIT_CONFIG_GLOBAL: "/dev/null", ...env },
    }).output();
    const text = new TextDecoder();
    Deno.removeSync(cwd);
    return JSON.parse(text.decode(stdout) || `{"stderr":${JSON.stringify(text.decode(stderr))}}`);
  }

  async function git(cwd: string, ...args: string[]): Promise<void> {
    const how = ["-c", "user.name=t", "-c", "user.email=t@example.com"];
    const { success, stderr } = await new Deno.Command("git", { args: [...how, ...args], cwd }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  }

  it({
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
      assertEquals(await gitState(rig.folder, { PATH: "/nowhere" }), null, "git is never required");
    },
  });

  it({
    name:
      "the commit is that of the pipeline, not of the current folder, of GIT_DIR or of a link to the pipeline",
    ignore: !hasGit,
    fn: async () => {
      await using rig = new Rig();
      const commits: string[] = [];
      for (const name of ["pipeline", "other"]) {
        const folder = `${rig.folder}/${name}`;
        Deno.mkdirSync(folder);
        await git(folder, "init", "-q");
        Deno.writeTextFileSync(`${folder}/pipeline.ts`, `import ${JSON.stringify(fixture.href)}; // ${name}`);
        await git(folder, "add", ".");
        await git(folder, "commit", "-q", "-m", name);
        const { stdout } = await new Deno.Command("git", { args: ["rev-parse", "HEAD"], cwd: folder })
          .output();
        commits.push(new TextDecoder().decode(stdout).trim());
      }
      const [commit] = commits;
      const other = `${rig.folder}/other`;
      Deno.symlinkSync(`${rig.folder}/pipeline/pipeline.ts`, `${other}/link.ts`);
      const script = `${rig.folder}/pipeline/pipeline.ts`;
      assertEquals(await gitState(other, { GIT_DIR: `${other}/.git` }, script), { commit, dirty: false });
      assertEquals(await gitState("/nowhere", {}, `${other}/link.ts`), { commit, dirty: false });
      Deno.writeTextFileSync(`${other}/pipeline.ts`, "changed");
      assertEquals(await gitState("/nowhere", { GIT_WORK_TREE: other }, script), { commit, dirty: false });
    },
  });

  /** A program called git that does as it is told, in a PATH of its own. */
  function fakeGit(rig: Rig, lines: string): string {
    Deno.mkdirSync(`${rig.folder}/bin`);
    Deno.writeTextFileSync(`${rig.folder}/bin/git`, `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
    return `${rig.folder}/bin:${Deno.env.get("PATH")}`;
  }

  const COMMIT = "c0ffee".repeat(7).slice(0, 40);

  it("a git that does not say in time whether there are changes leaves that out, and is ended", async () => {
    await using rig = new Rig();
    const PATH = fakeGit(
      rig,
      `case "$*" in *rev-parse*) echo ${COMMIT};; *) trap '' TERM; sh -c 'echo $$ > ${rig.folder}/pid; exec sleep 60'; esac`,
    );
    const began = performance.now();
    assertEquals(await gitState(rig.folder, { PATH }), { commit: COMMIT });
    assert(performance.now() - began < 20_000, "nobody waits for it");
    const pid = Number(rig.read("pid"));
    await until(() => !exists(`/proc/${pid}/exe`), "what it had started is gone");
  });

  it("a git that leaves something which holds its output open is not waited for", async () => {
    for (const [changes, dirty] of [["", false], ["M file", true]] as const) {
      await using rig = new Rig();
      const PATH = fakeGit(
        rig,
        `sleep 60 & echo $! >> ${rig.folder}/pids
      case "$*" in *rev-parse*) echo ${COMMIT};; *) printf '${changes}'; esac`,
      );
      const began = performance.now();
      assertEquals(await gitState(rig.folder, { PATH }), { commit: COMMIT, dirty });
      assert(performance.now() - began < 20_000, "nobody waits for it");
      for (const pid of rig.read("pids").trim().split("\n")) Deno.kill(Number(pid), "SIGKILL");
    }
  });

  it("a git that fails to tell of changes leaves that out", async () => {
    await using rig = new Rig();
    const PATH = fakeGit(rig, `case "$*" in *rev-parse*) echo ${COMMIT};; *) exit 128; esac`);
    assertEquals(await gitState(rig.folder, { PATH }), { commit: COMMIT });
  });

  it("the record of a result holds its provenance, its times and its identity", async () => {
    await using rig = new Rig();
    const script = job(rig, ["get", "Plain"]);
    assertEquals((await script.ended()).code, 0, script.stderr);
    const record = JSON.parse(textOf(`${rig.root}/${rig.tree().find((name) => name.endsWith(".json"))}`));
    assertEquals(record.identity, { scheme: 1, task: "e2e/Plain", params: { id: "one" } });
    assertEquals({ schema: record.schema, attempt: record.attempt, files: record.files }, {
      schema: 1,
      attempt: 1,
      files: false,
    });
    assertMatch(record.createdAt, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert(record.durationMs >= 0);
    assertEquals(record.provenance.pid, script.pid);
    assert(
      record.provenance.command.join(" ").endsWith("job.ts get Plain"),
      record.provenance.command.join(" "),
    );
  });
});
