import { errorText } from "../core/errors.ts";
import type { EventSink } from "../core/event.ts";
import type { Runtime } from "../run/runtime.ts";
import { systemReporter } from "../ui/system_reporter.ts";

/** How a run tells what happens. */
export interface RunReporterOptions {
  /** How the run shows itself. @default "auto" */
  progress?: "auto" | "plain" | "quiet" | "json" | "none";
  /** Told what happens, too. */
  onEvent?: EventSink;
}

/**
 * Shows a run, and tells the caller's own listener.
 *
 * @param call The function that runs, for a complaint: `"runLocal"`.
 */
export function runReporter(
  { logger }: Runtime,
  call: string,
  { progress = "auto", onEvent }: RunReporterOptions,
): { sink: EventSink } & Disposable {
  const reporter = progress === "none" ? undefined : systemReporter({ mode: progress });
  let broken = false;
  return {
    sink: (event) => {
      reporter?.sink(event);
      try {
        onEvent?.(event);
      } catch (error) {
        // Whoever only listens must not end the run half way.
        if (!broken) logger.error(`onEvent of ${call}() threw: ${errorText(error)}`);
        broken = true;
      }
    },
    [Symbol.dispose]: () => reporter?.close(),
  };
}
