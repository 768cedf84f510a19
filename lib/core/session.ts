/** What a person types code into that has no file: the cells of a notebook (`deno jupyter`), or `deno repl`. */
export type Session = "notebook" | "repl";

/** Names that Deno gives to code from stdin, from `deno eval`, from the REPL and from cells of notebooks. */
const NO_FILE = /\$deno\$(stdin|eval|repl|jupyter_repl)\b/;

/** Whether a module is one that other processes can import, as far as its name tells; cells have none. */
export function hasFile(module: string | undefined): module is string {
  return module !== undefined && !NO_FILE.test(module);
}

/**
 * What this process is that goes on after the code that it runs now.
 *
 * @param main URL of the main module.
 */
export function currentSession(main: string = Deno.mainModule): Session | undefined {
  const [, name] = /\/\$deno\$(repl|jupyter_repl)\.m?ts$/.exec(main) ?? [];
  if (name === undefined) return undefined;
  return name === "repl" ? "repl" : "notebook";
}
