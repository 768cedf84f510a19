import { createReporter, type Reporter, type ReporterMode } from "./reporter.ts";
import { writeAll } from "./write_all.ts";

/** Options of {@link systemReporter}. */
export interface SystemReporterOptions {
  /** How the run shows itself. @default "auto" */
  mode?: ReporterMode;
  /** Use colours. @default on a terminal, unless `NO_COLOR` is set */
  color?: boolean;
}

/** A reporter on this process's stderr; in `json` mode on its stdout. Results alone go to stdout otherwise. */
export function systemReporter(options: SystemReporterOptions = {}): Reporter {
  const { mode = "auto" } = options;
  const stream = mode === "json" ? Deno.stdout : Deno.stderr;
  const isTerminal = stream.isTerminal();
  return createReporter({
    mode,
    isTerminal,
    color: options.color ?? (isTerminal && !Deno.noColor),
    write: (text) => writeAll(stream, text),
    width: () => terminalSize().columns,
    height: () => terminalSize().rows,
    now: () => Date.now(),
    every: (ms, call) => {
      const timer = setInterval(call, ms);
      Deno.unrefTimer(timer);
      return () => clearInterval(timer);
    },
  });
}

function terminalSize(): { columns: number; rows: number } {
  try {
    const { columns, rows } = Deno.consoleSize();
    // A terminal that does not know its size says 0.
    return { columns: columns || 80, rows: rows || 24 };
  } catch {
    return { columns: 80, rows: 24 };
  }
}
