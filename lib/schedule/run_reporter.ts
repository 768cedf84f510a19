import { errorText } from "../core/errors.ts";
import type { EventSink } from "../core/event.ts";
import { systemReporter } from "../ui/system_reporter.ts";

/** Options of {@link runReporter}. */
export interface RunReporterOptions {
  /**
   * The form in which the run shows itself.
   *
   * @default {"auto"}
   */
  progress?: "auto" | "plain" | "quiet" | "json" | "none";
  /** Told what happens, too. */
  onEvent?: EventSink;
}

/** Shows a run until it is disposed of. */
export interface RunReporter extends Disposable {
  /** Takes what happens; never throws. */
  sink: EventSink;
  /** Writes a line that does not disturb what is shown of the run. */
  print: (line: string) => void;
}

/**
 * Shows a run, and tells the caller's own listener.
 *
 * @param call The function that runs, for a complaint: `"runLocal"`.
 */
export function runReporter(
  call: string,
  { progress = "auto", onEvent }: RunReporterOptions,
): RunReporter {
  const reporter = progress === "none" ? undefined : systemReporter({ mode: progress });
  let hasEnded = false;
  // On stdout, in `json` mode, there is nothing but events; what ended shows nothing any more.
  const print = (line: string): void =>
    reporter && progress !== "json" && !hasEnded ? reporter.print(line) : console.error(line);
  let broken = false;
  return {
    print,
    sink: (event) => {
      reporter?.sink(event);
      hasEnded ||= event.type === "run_ended";
      try {
        onEvent?.(event);
      } catch (error) {
        // A mere listener must not end the run half way.
        if (!broken) print(`error: onEvent of ${call}() threw: ${errorText(error)}`);
        broken = true;
      }
    },
    [Symbol.dispose]: () => reporter?.close(),
  };
}
