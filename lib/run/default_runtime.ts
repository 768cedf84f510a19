import { type Config, configKey, resolveConfig } from "../core/config.ts";
import { systemMachine } from "../core/system_machine.ts";
import { type GitState, Provenance } from "../store/provenance.ts";
import { createLogger } from "../ui/logger.ts";
import { writeAll } from "../ui/write_all.ts";
import { interruptible } from "./interrupt.ts";
import { Runtime } from "./runtime.ts";

const machine = systemMachine();
let kept: { key: string; runtime: Runtime } | undefined;

/** The runtime of interactive code: made once, and again when the configuration has changed. */
export function defaultRuntime(): Runtime {
  const key = configKey();
  if (kept?.key !== key) kept = { key, runtime: systemRuntime(resolveConfig()) };
  return kept.runtime;
}

/**
 * A runtime on this process's machine.
 *
 * @param git What git said already in another process of the same run; `null` when there is none.
 */
export function systemRuntime(config: Config, git?: GitState | null): Runtime {
  const toStderr = (output: string | Uint8Array): void => writeAll(Deno.stderr, output);
  return new Runtime({
    config,
    machine,
    provenance: new Provenance(config.recordGit, machine.self, git),
    logger: createLogger({
      level: config.logLevel,
      write: (line) => toStderr(`${line}\n`),
      now: () => machine.clock.now(),
    }),
    guard: interruptible,
    echo: toStderr,
  });
}
