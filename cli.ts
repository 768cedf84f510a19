/**
 * The `furu` program.
 *
 * @module
 */
import { runFuru } from "./lib/cli/main.ts";

if (import.meta.main) Deno.exit(await runFuru({ args: Deno.args }));
