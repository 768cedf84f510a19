import { assert, assertEquals } from "@std/assert";
import { toFileUrl } from "@std/path/to-file-url";
import { describe, it } from "@std/testing/bdd";
import { workerCommand } from "../../lib/worker/command.ts";
import { WorkerListener } from "../../lib/worker/listener.ts";

describe("workerCommand()", () => {
  it("names the configuration nearest to the user's module", () => {
    const dir = Deno.makeTempDirSync();
    Deno.mkdirSync(`${dir}/a/b`, { recursive: true });
    Deno.writeTextFileSync(`${dir}/deno.json`, "{}");
    Deno.writeTextFileSync(`${dir}/a/deno.jsonc`, "{}");
    const configOf = (module: URL) => {
      const command = workerCommand({ module });
      return command[command.indexOf("--config") + 1];
    };
    assertEquals(configOf(toFileUrl(`${dir}/a/b/main.ts`)), `${dir}/a/deno.jsonc`);
    assertEquals(configOf(toFileUrl(`${dir}/main.ts`)), `${dir}/deno.json`);
    Deno.removeSync(dir, { recursive: true });
  });

  it("leaves modules from elsewhere to Deno, and ends with the arguments of the run's process", () => {
    const command = workerCommand({
      module: "https://example.com/main.ts",
      start: { args: ["a", "--b"], options: ["--v8-flags=--x"] },
      maxHeapMb: 100,
    });
    assert(!command.includes("--config"));
    assertEquals(command[0], Deno.execPath());
    // Denos up to 2.8 take the option only once.
    const ofV8 = command.filter((each) => each.startsWith("--v8-flags"));
    assertEquals(ofV8, ["--v8-flags=--min-semi-space-size=16,--x,--max-old-space-size=100"]);
    assert(command.indexOf(ofV8[0]!) > command.indexOf("run"));
    assertEquals(command.slice(-2), ["a", "--b"]);
  });
});

describe("workerCommand() with a package.json", () => {
  it("marks the arguments as the program's own, which older Denos take for their own", async () => {
    const [shell, ...words] = workerCommand({ start: { args: ["--b"], options: [], packageFolder: "/tmp" } });
    assertEquals(words.slice(-2), ["--", "--b"]);
    words.splice(-3, 1, "console.log(...Deno.args)");
    const { stdout } = await new Deno.Command(shell!, { args: words }).output();
    assertEquals(new TextDecoder().decode(stdout), "--b\n");
  });
});

describe("WorkerListener", () => {
  it("open() passes over folders that are missing or too long, and cleans up", async () => {
    const long = Deno.makeTempDirSync({ prefix: "x".repeat(100) });
    const listener = WorkerListener.open(["/no/such/folder", long, "/tmp"]);
    assert(listener.path.startsWith("/tmp/furu-"), listener.path);
    assertEquals(Deno.statSync(listener.path.slice(0, -2)).mode! & 0o777, 0o700);
    await listener[Symbol.asyncDispose]();
    assertEquals([...Deno.readDirSync(long)], []);
    try {
      Deno.lstatSync(listener.path.slice(0, -2));
      assert(false, "the folder is removed");
    } catch (error) {
      assert(error instanceof Deno.errors.NotFound);
    }
    Deno.removeSync(long);
  });

  it("closes the connection of whoever it does not expect", async () => {
    await using listener = WorkerListener.open();
    const conn = await Deno.connect({ transport: "unix", path: listener.path });
    await conn.write(
      new TextEncoder().encode('{"type":"hello","v":1,"token":"guess","pid":1}\n'),
    );
    assertEquals(await conn.read(new Uint8Array(1)), null);
    conn.close();
  });

  it("refuses a process that speaks another version", async () => {
    await using listener = WorkerListener.open();
    const connection = listener.expect("token");
    const conn = await Deno.connect({ transport: "unix", path: listener.path });
    await conn.write(
      new TextEncoder().encode('{"type":"hello","v":2,"token":"token","pid":7}\n'),
    );
    const error = await connection.then(() => undefined, (error) => error);
    assertEquals(
      error.message,
      "Cannot use process 7 as it speaks version 2 of the messages: this furu speaks version 1",
    );
    conn.close();
  });
});
