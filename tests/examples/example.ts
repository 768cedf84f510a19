import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";

/** What an example left behind when it ended. */
export interface Ended {
  code: number;
  stdout: string;
  stderr: string;
  /** Both outputs, for messages of assertions. */
  output: string;
  durationMs: number;
}

/** Runs the project's programs as a user does, each in a process of its own over one temporary store. */
export interface ExampleRig extends AsyncDisposable {
  /** The store (FURU_PATH). */
  root: string;
  /** A folder for the test's own files. */
  folder: string;
  /** Runs `deno run -A <path> ...args`, the path seen from the project's root. */
  run(path: string, ...args: string[]): Promise<Ended>;
}

const repository = fromFileUrl(new URL("../..", import.meta.url));

/** Makes an {@link ExampleRig}; its folders are removed in the end. */
export async function makeRig(): Promise<ExampleRig> {
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "furu-example-" }));
  const root = join(folder, "store");
  return {
    root,
    folder,
    run: (path, ...args) => runExample(root, path, args),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

async function runExample(root: string, path: string, args: string[]): Promise<Ended> {
  const started = performance.now();
  const child = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", join(repository, "deno.json"), join(repository, path), ...args],
    env: { FURU_PATH: root, NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const durationMs = performance.now() - started;
  const [stdout, stderr] = [child.stdout, child.stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code: child.code, stdout: stdout!, stderr: stderr!, output: `${stdout}\n${stderr}`, durationMs };
}
