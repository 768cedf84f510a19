import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { batchScript, quote, SETUP_EXIT_CODE, setupFailure } from "../../../lib/slurm/client/script.ts";
import {
  ENVIRONMENT_FILE_VARIABLE,
  environmentBeforeSetup,
  parseEnvironment,
} from "../../../lib/slurm/client/environment.ts";

/** Runs a script as Slurm does: from a file, by bash. */
async function runScript(
  setup: string[],
  command: string[],
  env: Record<string, string> = {},
  probe?: string[],
) {
  const folder = await Deno.makeTempDir();
  try {
    const path = join(folder, "job.sh");
    await Deno.writeTextFile(
      path,
      batchScript({
        name: "furu-x",
        title: "toy/Train(4f0c12ab)\nof a test",
        setup,
        command,
        ...probe && { probe },
      }),
    );
    const output = await new Deno.Command("bash", { args: [path], env, cwd: folder }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { ...output, stdout: text(output.stdout), stderr: text(output.stderr) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

describe("batchScript()", () => {
  it("runs the setup lines in one shell, then becomes the worker", async () => {
    const setup = ["export A='1 2'", 'f() { echo "f $1"; }; f x # a comment', "cat <<END\nhere\nEND"];
    const ugly = 'it\'s $HOME `id` "q" \\ *';
    const { code, stdout } = await runScript(setup, ["printf", "%s|%s\\n", ugly, "b c"]);
    assertEquals({ code, stdout }, { code: 0, stdout: `f x\nhere\n${ugly}|b c\n` });
    const { stdout: exported } = await runScript(setup, ["printenv", "A"]);
    assertStringIncludes(exported, "1 2\n");
  });

  it("ends with the worker's own exit code", async () => {
    const { code, stderr } = await runScript([], ["bash", "-c", "exit 5"]);
    assertEquals({ code, setupFailure: setupFailure(stderr) }, { code: 5, setupFailure: undefined });
  });

  it("says that virtual memory is limited where Deno cannot begin, and only there", async () => {
    const deno = [Deno.execPath(), "eval"];
    const command = [...deno, "console.log('began')"];
    const limited = await runScript(["ulimit -v 4000000"], command, {}, [...deno, "0"]);
    assertEquals(limited.code, SETUP_EXIT_CODE);
    assertMatch(
      setupFailure(limited.stderr)!,
      /virtual memory is limited to 4000000 kB \(ulimit -v\).* exit code 133/,
    );
    const roomy = await runScript(["ulimit -v 100000000"], command, {}, [...deno, "0"]);
    assertEquals({ code: roomy.code, stdout: roomy.stdout }, { code: 0, stdout: "began\n" }, roomy.stderr);
  });

  it("says which setup line failed, and runs nothing after it", async () => {
    const { code, stdout, stderr } = await runScript(["true", "module load nothing-of-that-name"], [
      "echo",
      "ran",
    ]);
    assertEquals({ code, stdout }, { code: SETUP_EXIT_CODE, stdout: "" });
    assertEquals(
      setupFailure(`something before\n${stderr}`),
      "setup line 2 (module load nothing-of-that-name) ended with exit code 127",
    );
  });

  it("takes a setup line that exits, even well, and one that is no shell, for failures", async () => {
    for (const [line, code] of Object.entries({ "exit 0": 0, "exit 3": 3, "if then": "\\d" })) {
      const result = await runScript([line], ["echo", "ran"]);
      assertEquals({ code: result.code, stdout: result.stdout }, { code: SETUP_EXIT_CODE, stdout: "" }, line);
      const failure = setupFailure(result.stderr) ?? result.stderr;
      assertMatch(failure, new RegExp(`^setup line 1 \\(${line}\\) ended with exit code ${code}$`));
    }
  });

  it("says so when there is no worker to start", async () => {
    const { code, stderr } = await runScript([], ["/nowhere/deno", "run"]);
    assertEquals(code, SETUP_EXIT_CODE);
    assertStringIncludes(setupFailure(stderr) ?? "", "/nowhere/deno ended with exit code 127");
  });

  it("drops folders of the submitting machine that are not there, and keeps others", async () => {
    const { stdout } = await runScript([], ["env"], {
      TMPDIR: "/nowhere/tmp",
      XDG_RUNTIME_DIR: "/",
      DENO_DIR: "",
    });
    assert(!stdout.includes("/nowhere/tmp"), stdout);
    assertStringIncludes(stdout, "XDG_RUNTIME_DIR=/\n");
  });

  it("is not ended by the warning before the time limit, in setup or worker", async () => {
    const { code, stdout } = await runScript(["kill -USR1 $$"], ["bash", "-c", "kill -USR1 $$; echo alive"]);
    assertEquals({ code, stdout }, { code: 0, stdout: "alive\n" });
  });

  it("does not call a cancelled job one that failed to start", async () => {
    const { code, signal, stderr } = await runScript(["kill -TERM $$"], ["echo", "ran"]);
    assertEquals({ code, signal, setupFailure: setupFailure(stderr) }, {
      code: 143,
      signal: "SIGTERM",
      setupFailure: undefined,
    });
  });

  it("has a title in one line", () => {
    assertStringIncludes(
      batchScript({ name: "furu-x", title: "a\nrm -rf x", setup: [], command: ["true"] }),
      "# a rm -rf x\n",
    );
  });

  it("keeps the environment from before the setup for what is submitted from inside, and for nobody else", async () => {
    const folder = await Deno.makeTempDir();
    try {
      const setup = ["export A=setup", "unset B"];
      const path = join(folder, "job.sh");
      const command = ["bash", "-c", `stat -c %a "$${ENVIRONMENT_FILE_VARIABLE}"; env -0`];
      const keepsEnvironmentAt = join(folder, "it's");
      await Deno.writeTextFile(path, batchScript({ title: "x", setup, command, keepsEnvironmentAt }));
      const env = { A: "before", B: "two\nlines", SLURM_JOB_ID: "7", [ENVIRONMENT_FILE_VARIABLE]: "/none" };
      const { stdout } = await new Deno.Command("bash", { args: [path], env }).output();
      const text = new TextDecoder().decode(stdout);
      const [mode = "", ...rest] = text.split("\n");
      const worker = parseEnvironment(rest.join("\n"));
      assertEquals({ mode, A: worker.A, B: worker.B }, { mode: "600", A: "setup", B: undefined });
      const { A, B, ...before } = await environmentBeforeSetup(worker) ?? {};
      assertEquals({ A, B }, { A: "before", B: "two\nlines" });
      assertEquals(before[ENVIRONMENT_FILE_VARIABLE], undefined);
      assertEquals([...Deno.readDirSync(folder)].length, 1);
      assertEquals(await environmentBeforeSetup(worker), undefined);
      assertEquals(await environmentBeforeSetup({ A: "1" }), { A: "1" });
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
});

describe("quote()", () => {
  it("leaves plain words alone and quotes all others", () => {
    assertEquals(["a/b.ts", "--x=1", "", "a b", "it's"].map(quote), [
      "a/b.ts",
      "--x=1",
      "''",
      "'a b'",
      "'it'\\''s'",
    ]);
  });
});
