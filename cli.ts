/**
 * The `furu` program.
 *
 * @module
 */
import { main } from "./lib/cli/main.ts";

if (import.meta.main) Deno.exit(await main({ args: Deno.args }));
