import { assertEquals } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { commands } from "../../../lib/cli/commands/commands.ts";
import { candidates } from "../../../lib/cli/complete.ts";
import { furuProgram } from "../../../lib/cli/program/program.ts";
import { choicesIn, kindsOf } from "../../../lib/cli/setup/complete_values.ts";
import { quickRoot } from "../../../lib/cli/setup/quick_store.ts";
import { completionScript, SHELLS } from "../../../lib/cli/setup/shell_scripts.ts";
import { resolveConfig } from "../../../lib/core/config.ts";
import { FIXTURES, furu } from "../rig.ts";
import { Rig } from "../../rig.ts";

const HASH = "4f0c12ab00000000000000000000beef";

/** A folder with a project, and a store of two artifacts and a run in it. */
function project(rig: Rig): string {
  const store = join(rig.folder, "store");
  for (const dir of ["artifacts/toy/Train", "artifacts/toy/deep/Data", "runs/local-1", "runs/pool-2"]) {
    Deno.mkdirSync(join(store, dir), { recursive: true });
  }
  Deno.writeTextFileSync(join(store, "artifacts/toy/Train", `${HASH}.json`), "{}");
  Deno.writeTextFileSync(join(store, "artifacts/toy/deep/Data", `a${HASH.slice(1)}.json`), "{}");
  Deno.mkdirSync(join(rig.folder, "src"));
  for (const name of ["pipeline.ts", "notes.md", "src/other.mts", ".hidden.ts"]) {
    Deno.writeTextFileSync(join(rig.folder, name), "");
  }
  return store;
}

describe("candidates()", () => {
  it("are commands, options, and the values of options", async () => {
    const of = async (...words: string[]) => (await candidates(words, FIXTURES)).map(({ value }) => value);
    assertEquals(await of("sho"), ["show"]);
    assertEquals(await of("help", "inv"), ["invalidate"]);
    assertEquals(await of("run", "--slu"), ["--slurm"]);
    assertEquals(await of("run", "--slurm", "d"), ["dag"]);
    assertEquals(await of("run", "--slurm=d"), ["--slurm=dag"]);
    assertEquals(await of("plan", "x.ts", "--format", "t"), ["tree", "table"]);
    assertEquals(await of("ls", "--status", "da"), ["damaged"]);
    assertEquals(await of("ls", "-s", "da"), ["damaged"]);
    assertEquals(await of("-q", "completions", "f"), ["fish"]);
    assertEquals(await of("--vers"), ["--version"]);
    assertEquals(await of("run", "--retries", ""), []);
    assertEquals(await of("nosuch", ""), []);
  });

  it("are tasks, hashes, runs, modules and folders of the place that the flags before name", async () => {
    await using rig = new Rig();
    const store = project(rig);
    const of = async (...words: string[]) =>
      (await candidates(["--root", store, ...words], rig.folder)).map(({ value }) => value).sort();
    assertEquals(await of("ls", "to"), ["toy/Train", "toy/deep/Data"]);
    assertEquals(await of("show", "4f"), ["4f0c12ab"]);
    assertEquals(await of("show", "4f0c12ab0"), ["4f0c12ab0"]);
    assertEquals(await of("run", "p.ts", "--force", "toy/T"), ["toy/Train"]);
    assertEquals(await of("status", ""), ["last", "local-1", "pool-2"]);
    assertEquals(await of("run", "p"), ["pipeline.ts"]);
    assertEquals(await of("run", "src/"), ["src/other.mts"]);
    assertEquals(await of("run", ".h"), [".hidden.ts"]);
    assertEquals(await of("init", "s"), ["src/", "store/"]);
  });

  it("are none, and no error, where there is no store and no folder", async () => {
    await using rig = new Rig();
    const { code, out, err } = await furu(["complete", "--", "--root", `${rig.folder}/none`, "show", "x"]);
    assertEquals({ code, out, err }, { code: 0, out: "", err: "" });
    const folder = await furu(["complete", "--", "-C", `${rig.folder}/none`, "run", ""]);
    assertEquals({ code: folder.code, out: folder.out, err: folder.err }, { code: 0, out: "", err: "" });
  });

  it("know what the arguments of each command are as the command itself says", async () => {
    let known = 0;
    for (const { takes, load } of commands) {
      if (takes === undefined) continue;
      known++;
      assertEquals(kindsOf(takes), kindsOf((await load()).args(furuProgram)), takes);
    }
    assertEquals(known > 20, true);
    assertEquals(choicesIn("dfs|bfs|K"), ["dfs", "bfs"]);
    assertEquals(choicesIn("N|SPEC=N,..."), []);
  });

  it("are of the same store as that of the commands", () => {
    assertEquals(quickRoot(), resolveConfig().root);
    assertEquals(quickRoot("x/../y"), resolveConfig({ root: "y" }).root);
  });
});

describe("completionScript()", () => {
  it("gives bash the part of a word that it takes for one, and folders without a blank", async () => {
    const script = completionScript("bash", "fake");
    const lines = [
      'fake() { shift 2; printf "<%s>" "$@" >&3; printf "%s\\n" "${answers[@]}"; }',
      "exec 3>&1",
      script,
      "try() { COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _furu; printf ' => %s\\n' \"${COMPREPLY[*]}\"; }",
      "answers=(show $'status\\tof runs'); COMP_WORDS=(furu s); try",
      "answers=(--slurm=dag); COMP_WORDS=(furu run --slurm = d); try",
      "answers=('a b.ts'); COMP_WORDS=(furu run 'a\\ '); try",
      'answers=(x); COMP_WORDS=(furu ls "" ); try',
    ];
    const command = new Deno.Command("bash", { args: ["--norc", "-c", lines.join("\n")] });
    const { stdout, stderr } = await command.output();
    assertEquals(new TextDecoder().decode(stderr), "");
    assertEquals(new TextDecoder().decode(stdout).split("\n"), [
      "<s> => show status",
      "<run><--slurm=d> => dag",
      "<run><a > => a\\ b.ts",
      "<ls><> => x",
      "",
    ]);
  });

  for (const shell of SHELLS) {
    it(`is a script that ${shell} can read, where that is installed`, async () => {
      const path = await Deno.makeTempFile();
      try {
        await Deno.writeTextFile(path, completionScript(shell, "'/a b/furu'"));
        const { code, stderr } = await new Deno.Command(shell, { args: ["-n", path] }).output();
        assertEquals({ code, err: new TextDecoder().decode(stderr) }, { code: 0, err: "" });
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      } finally {
        await Deno.remove(path);
      }
    });
  }

  it("is printed for the shells that there are", async () => {
    const { out } = await furu(["completions", "zsh"]);
    assertEquals(out.startsWith("#compdef furu\n"), true);
    const { code, err } = await furu(["completions", "zssh"]);
    assertEquals(code, 2);
    assertEquals(err.includes("allowed are bash, zsh, fish; did you mean 'zsh'?"), true);
  });
});
