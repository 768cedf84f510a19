import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { toFileUrl } from "@std/path/to-file-url";
import { describe, it } from "@std/testing/bdd";
import { systemClock } from "../../../lib/core/system/clock.ts";
import { ComputeError, isLasting, ValidationError } from "../../../lib/core/errors.ts";
import { systemFiles } from "../../../lib/core/system/system_files.ts";
import { createRunProgram, type ProgramHost } from "../../../lib/run/output/program.ts";
import { ProgramError, stoppedBySignal } from "../../../lib/run/output/program_error.ts";
import { Rig } from "../../rig.ts";

class Host implements ProgramHost, Disposable {
  readonly dir = Deno.makeTempDirSync();
  readonly abort = new AbortController();
  readonly signal = this.abort.signal;
  readonly files = systemFiles;
  readonly clock = systemClock;
  detached = true;
  elsewhere = false;
  graceMs = 5000;
  logged = "";
  log = (chunk: Uint8Array): void | Promise<void> => {
    this.logged += new TextDecoder().decode(chunk);
  };
  randomId = () => "random";
  run = createRunProgram(this);
  names = () => [...Deno.readDirSync(this.dir)].map((entry) => entry.name);
  [Symbol.dispose](): void {
    Deno.removeSync(this.dir, { recursive: true });
  }
}

describe("run()", () => {
  it("passes words on as they are: no shell, numbers written out, file URLs as paths", async () => {
    using host = new Host();
    const words = ["a b", 1e-3, toFileUrl("/tmp/x y"), "$HOME; *", new URL("https://example.com/")];
    const text = await host.run(["printf", "%s\n", ...words], { stdout: "text" });
    assertEquals(text, "a b\n0.001\n/tmp/x y\n$HOME; *\nhttps://example.com/\n");
    assertEquals(host.logged, "");
  });

  it("writes both outputs to the log", async () => {
    using host = new Host();
    assertEquals(await host.run(["sh", "-c", "echo out; sleep 0.05; echo err >&2"]), undefined);
    assertEquals(host.logged, "out\nerr\n");
  });

  it("gives text or bytes as stdin, else nothing", async () => {
    using host = new Host();
    assertEquals(await host.run(["cat"], { stdin: "grüße", stdout: "text" }), "grüße");
    assertEquals(await host.run(["cat"], { stdin: new Uint8Array([104, 105]), stdout: "text" }), "hi");
    assertEquals(await host.run(["cat"], { stdout: "text" }), "");
    // A program that does not read all of it is no failure.
    await host.run(["true"], { stdin: "x".repeat(1_000_000) });
  });

  it("uses cwd and adds env", async () => {
    using host = new Host();
    const options = { cwd: toFileUrl(host.dir), env: { FURU_X: "1" }, stdout: "text" } as const;
    const text = await host.run(["sh", "-c", 'pwd; echo $FURU_X; test -n "$PATH"'], options);
    assertEquals(text, `${Deno.realPathSync(host.dir)}\n1\n`);
  });

  it("has Python print at once, unless the user has said what it should do", async () => {
    await using rig = new Rig();
    // In processes of their own: the environment is that of all test files which run at the same time.
    for (const [set, seen] of [["unset", "1\n"], ["", "\n"], ["x", "x\n"]] as const) {
      const path = fromFileUrl(new URL("../fixtures/unbuffered.ts", import.meta.url));
      const deno = [
        Deno.execPath(),
        "run",
        "-A",
        "--quiet",
        "--config",
        new URL("../../../deno.json", import.meta.url).pathname,
        path,
      ];
      const given = set === "unset" ? ["-u", "PYTHONUNBUFFERED"] : [`PYTHONUNBUFFERED=${set}`];
      const { stdout, stderr } = await new Deno.Command("env", {
        args: [...given, `FURU_PATH=${rig.folder}/${set || "empty"}`, ...deno],
      }).output();
      const [text, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
      assertEquals(text && JSON.parse(text), [seen, "\n"], error);
    }
  });

  it("logs what Python printed before it was killed", async () => {
    using host = new Host();
    const code = "import os; print('epoch 1'); os.kill(os.getpid(), 9)";
    const error = await assertRejects(() => host.run(["python3", "-c", code]));
    // Where there is no Python there is nothing to see. (Where PYTHONUNBUFFERED is set the test above shows the same.)
    if (!String(error).includes("no folder of PATH has a program")) assertEquals(host.logged, "epoch 1\n");
  });

  it("writes stdout to a file, whole or not at all", async () => {
    using host = new Host();
    await host.run(["printf", "data"], { stdout: `${host.dir}/out.txt` });
    assertEquals(Deno.readTextFileSync(`${host.dir}/out.txt`), "data");
    await host.run(["printf", "more"], { stdout: "relative.txt", cwd: host.dir });
    assertEquals(Deno.readTextFileSync(`${host.dir}/relative.txt`), "more");
    await assertRejects(
      () => host.run(["sh", "-c", "echo half; exit 1"], { stdout: `${host.dir}/bad.txt` }),
      ComputeError,
    );
    assertEquals(host.names().sort(), ["out.txt", "relative.txt"]);
    await assertRejects(
      () => host.run(["true"], { stdout: `${host.dir}/missing/x` }),
      ComputeError,
      "missing' does not exist",
    );
  });

  it("throws with the command, the exit code and the end of stderr", async () => {
    using host = new Host();
    const error = await assertRejects(
      () => host.run(["sh", "-c", "echo unrelated; echo no such file >&2; exit 2"]),
      ProgramError,
    );
    assertMatch(
      error.message,
      /^`sh -c "echo.*` ended with exit code 2; the end of its stderr:\n {2}no such file$/,
    );
    assertEquals(error.status.code, 2);
    assert(!stoppedBySignal(error));
  });

  it("names the signal that killed a program, also through a cause", async () => {
    using host = new Host();
    const error = await assertRejects(() => host.run(["sh", "-c", "kill -TERM $$"]), ProgramError, "SIGTERM");
    assert(stoppedBySignal(new Error("training failed", { cause: error })));
  });

  it("fails for good without its program or with a bad command, unless another machine may have the program", async () => {
    using host = new Host();
    const lastingOf = async (run: () => Promise<unknown>) => isLasting(await assertRejects(run));
    assertEquals(await lastingOf(() => host.run(["no-such-program"])), true);
    assertEquals(await lastingOf(() => host.run([undefined as never])), true);
    assertEquals(await lastingOf(() => host.run(["false"])), false);
    // What a path names the task may have been about to make.
    assertEquals(await lastingOf(() => host.run([`${host.dir}/tool`])), false);
    assertEquals(await lastingOf(() => host.run(["true"], { cwd: `${host.dir}/none` })), false);
    host.elsewhere = true;
    assertEquals(await lastingOf(() => host.run(["no-such-program"])), false);
  });

  it("says what is missing: the program, the file or the folder", async () => {
    using host = new Host();
    await assertRejects(() => host.run(["no-such-program"]), ComputeError, "no folder of PATH has a program");
    await assertRejects(
      () => host.run(["./no-such-file"]),
      ComputeError,
      "there is no file './no-such-file'",
    );
    await assertRejects(
      () => host.run(["true"], { cwd: "/no/such/folder" }),
      ComputeError,
      "its working directory '/no/such/folder' does not exist",
    );
    await assertRejects(() => host.run(["/etc/passwd"]), ComputeError, "ermission denied");
  });

  it("refuses what is no command", async () => {
    using host = new Host();
    for (const command of [[], "ls -l", ["ls", undefined], ["a\0b"], [""]]) {
      const error = await assertRejects(() => host.run(command as string[]), ValidationError);
      assertStringIncludes(error.message, "Cannot run a command");
    }
  });

  it("stops the program and what it started when the signal aborts", async () => {
    using host = new Host();
    const started = Promise.withResolvers<number>();
    host.log = (chunk) => started.resolve(Number(new TextDecoder().decode(chunk)));
    const running = host.run(["sh", "-c", "sleep 600 & echo $!; wait"]);
    const pid = await started.promise;
    host.abort.abort(new Error("stopped"));
    await assertRejects(() => running, Error, "stopped");
    const deadline = performance.now() + 5000;
    while (isRunning(pid)) {
      assert(performance.now() < deadline, "it goes");
      await systemClock.sleep(10);
    }
    await assertRejects(() => host.run(["true"]), Error, "stopped");
  });

  it("kills a program that ignores the request after the grace", async () => {
    using host = new Host();
    host.detached = false;
    host.graceMs = 100;
    const started = Promise.withResolvers<void>();
    host.log = () => started.resolve();
    const running = host.run(["sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"]);
    await started.promise;
    host.abort.abort(new Error("stopped"));
    await assertRejects(() => running, Error, "stopped");
  });

  it("does not wait for what a program leaves behind with its output open", async () => {
    using host = new Host();
    const begin = performance.now();
    const text = await host.run(["sh", "-c", "sleep 30 & echo done; echo $!"], { stdout: "text" });
    assert(performance.now() - begin < 10_000);
    const [word, pid] = text.trim().split("\n");
    assertEquals(word, "done");
    Deno.kill(Number(pid), "SIGKILL");
  });

  it("ends a program whose output cannot be kept, and throws why", async () => {
    using host = new Host();
    host.log = () => Promise.reject(new Error("no space left"));
    await assertRejects(() => host.run(["sh", "-c", "while :; do echo x; done"]), Error, "no space left");
  });

  function isRunning(pid: number): boolean {
    try {
      const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
      return !stat.slice(stat.lastIndexOf(")") + 2).startsWith("Z");
    } catch {
      return false;
    }
  }
});
