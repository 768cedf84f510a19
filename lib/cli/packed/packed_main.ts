/**
 * The main module of a file that a pipeline was packed into: the commands over its default export, unless it
 * calls `main` itself, which makes that the program.
 *
 * @module
 */
import { basename } from "@std/path/posix/basename";
import { furuGlobals } from "../../core/globals.ts";
import { packed } from "../../core/packed.ts";

if (import.meta.main) {
  const code = await runPipeline();
  if (code !== undefined && code !== 0) Deno.exit(code);
}

async function runPipeline(): Promise<number | undefined> {
  const { file, pipeline } = packed()!;
  const name = basename(file);
  const globals = furuGlobals();
  globals.mainModule = pipeline!;
  let exports: { default?: unknown };
  try {
    exports = await import(pipeline!);
  } catch (cause) {
    const [{ reportError }, { systemIo }, { moduleLoadError }] = await Promise.all([
      import("../report_error.ts"),
      import("../program/io.ts"),
      import("../roots/load_error.ts"),
    ]);
    const error = moduleLoadError("the pipeline", pipeline!, cause);
    return reportError(error, { io: systemIo(), command: name, verbose: false });
  }
  // It has called main(), which may still be at it.
  if (globals.mainModule === undefined) return undefined;
  globals.mainModule = undefined;
  const { runFuru } = await import("../main.ts");
  return await runFuru({
    args: Deno.args,
    program: { name, script: { url: pipeline!, roots: exports.default } },
  });
}
