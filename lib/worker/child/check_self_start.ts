import { ExecutionError } from "../../core/errors.ts";
import { furuGlobals } from "../../core/globals.ts";
import { embeddedPipeline } from "../../core/packed.ts";

/**
 * Refuses to start workers of a script that was compiled and does not call `main()`: the one file is its own
 * worker command, so each of them would run the script again, and start more.
 *
 * @param isCompiled Whether a script of the user's is the program of this file; by default Deno is asked.
 * @throws {ExecutionError} that says what to do.
 */
export function checkSelfStart(
  isCompiled: boolean = Deno.build.standalone && embeddedPipeline() !== undefined,
): void {
  if (!isCompiled || furuGlobals().hasCommands === true) return;
  throw new ExecutionError(
    "Cannot start workers as this program was compiled from a script that does not call main(): they would " +
      "run the script again. Let it call `await main(import.meta, roots)` first of all, or use runLocal " +
      'with isolation: "inline"',
  );
}
