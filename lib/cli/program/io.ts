import { isDumbTerminal } from "../../core/environment.ts";
import { writeAll } from "../../core/system/write_all.ts";

/** The streams and the place of a command. */
export interface Io {
  /** Writes results. */
  out(text: string): void;
  /** Writes what people are told. */
  err(text: string): void;
  /** Whether results are shown in colours. */
  readonly color: boolean;
  /** Columns of the terminal that results go to; `undefined` when they don't go to one. */
  readonly width: number | undefined;
  /** The folder that paths are relative to. */
  readonly cwd: string;
}

/** This process's own streams. */
export function systemIo(): Io {
  const isTerminal = Deno.stdout.isTerminal();
  return {
    out: (text) => writeAll(Deno.stdout, text),
    err: (text) => writeAll(Deno.stderr, text),
    color: isTerminal && !Deno.noColor && !isDumbTerminal(),
    width: isTerminal ? columns() : undefined,
    cwd: Deno.cwd(),
  };
}

function columns(): number | undefined {
  try {
    return Deno.consoleSize().columns || undefined;
  } catch {
    return undefined;
  }
}
