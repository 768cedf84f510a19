import { furuGlobals } from "../globals.ts";

/** What a person types code into that has no file: the cells of a notebook (`deno jupyter`), or the REPL. */
export type Session = "notebook" | "repl";

/**
 * Names that Deno gives to code from stdin, from `deno eval`, from the REPL and from cells of notebooks, once
 * `$deno$jupyter`.
 */
const NO_FILE = /\$deno\$(stdin|eval|repl|jupyter(?:_repl)?)\b/;

/** Whether a module is one that other processes can import, as far as its name tells; cells have none. */
export function hasFile(module: string | undefined): module is string {
  return module !== undefined && !NO_FILE.test(module);
}

let own: { session: Session | undefined } | undefined;

/** What this process is that goes on after the code that it runs now. */
export function currentSession(): Session | undefined {
  return (own ??= { session: sessionOf(Deno.mainModule) }).session;
}

/**
 * What a process with this main module is.
 *
 * @param main URL of the main module.
 */
export function sessionOf(main: string): Session | undefined {
  const [, name] = /\/\$deno\$(repl|jupyter(?:_repl)?)\.m?ts$/.exec(main) ?? [];
  if (name === undefined) return undefined;
  return name === "repl" ? "repl" : "notebook";
}

/** What can be looked at in a notebook. */
export type Displayed = "artifact" | "plan" | "summary" | "table";

/** One thing to look at in several forms, by their media types. */
export type MimeBundle = Record<string, unknown>;

/** The method that `deno jupyter` asks a value for: what a cell shows of it. */
export const DISPLAY: unique symbol = Symbol.for("Jupyter.display") as never;

/** What a cell shows of a value. */
export async function displayOf(kind: Displayed, value: object): Promise<MimeBundle> {
  return await furuGlobals().display?.(kind, value) ?? { "text/plain": Deno.inspect(value) };
}

/** Gives a plain result what a notebook shows of it; elsewhere it stays as it is. */
export function withDisplay<T extends object>(kind: Displayed, value: T): T {
  if (currentSession() !== "notebook") return value;
  return Object.defineProperty(value, DISPLAY, { value: () => displayOf(kind, value) });
}
