import { type Config, configKey, resolveConfig } from "../core/config.ts";
import { furuGlobals } from "../core/globals.ts";
import { systemMachine } from "../core/system/system_machine.ts";
import { type CodeVersion, type GitState, Provenance } from "../store/results/provenance.ts";
import type { SlurmJob } from "../store/record.ts";
import type { QueuedHint } from "../store/claims/queued.ts";
import type { ClaimHint, Store } from "../store/store.ts";
import { currentSession } from "../core/system/session.ts";
import { writeToCell } from "../ui/cell_block.ts";
import { createLogger } from "../ui/logger.ts";
import { writeAll } from "../core/system/write_all.ts";
import { exiting, interruptible } from "../core/system/interrupts.ts";
import { Runtime } from "./runtime.ts";

const machine = systemMachine();
let kept: { key: string; runtime: Runtime } | undefined;

/** Answers of a cluster's scheduler about those who compute, or are to compute, artifacts. */
export interface SchedulerHints {
  /**
   * Of claims, besides their heartbeats.
   *
   * @default {nothing}
   */
  claimHint?: ClaimHint;
  /**
   * Of jobs that are queued.
   *
   * @default {nothing}
   */
  queuedHint?: QueuedHint;
}

/**
 * The runtime of interactive code: made once, and again when the configuration has changed, or the first time
 * that somebody has a scheduler to ask.
 *
 * @param hints Of a scheduler, for one that waits for others.
 */
export function defaultRuntime(hints: SchedulerHints = {}): Runtime {
  const key = configKey();
  if (kept?.key !== key || hints.claimHint !== undefined && kept.runtime.store.claimHint === undefined) {
    kept = { key, runtime: systemRuntime(resolveConfig(), hints) };
  }
  return kept.runtime;
}

/** Options of {@link systemRuntime} besides the configuration. */
export interface SystemRuntimeOptions extends SchedulerHints {
  /** The state of git that another process of the same run has read; `null` when there is none. */
  git?: GitState | null | undefined;
  /** The Slurm job that this process is of. */
  slurm?: SlurmJob | undefined;
  /** Which code computes, where the run keeps it. */
  code?: CodeVersion | undefined;
  /** URL of the pipeline's module, where it is not the main module. */
  entry?: string | undefined;
  /** How many attempts may run at once. */
  atOnce?: number | undefined;
  /**
   * The store, and the machine, where this process uses them already.
   *
   * @default {the one that the configuration names}
   */
  store?: Store | undefined;
  /**
   * Takes the lines of furu's own log.
   *
   * @default {stderr}
   */
  log?: (line: string) => void;
}

/** A runtime on this process's machine. */
export function systemRuntime(config: Config, options: SystemRuntimeOptions = {}): Runtime {
  const { git, slurm, code, entry, atOnce, store, claimHint, queuedHint } = options;
  const { quiet = false } = furuGlobals();
  const toStderr = currentSession() === "notebook"
    ? writeToCell
    : (output: string | Uint8Array): void => writeAll(Deno.stderr, output);
  const { log = (line: string): void => toStderr(`${line}\n`) } = options;
  return new Runtime({
    config,
    machine: store?.machine ?? machine,
    store,
    atOnce,
    provenance: new Provenance(config.recordGit, machine.self, { git, slurm, code, entry }),
    logger: createLogger({
      level: quiet ? "error" : config.logLevel,
      write: log,
      now: () => machine.clock.now(),
    }),
    guard: interruptible,
    exiting,
    echo: quiet ? () => {} : toStderr,
    ...(claimHint === undefined ? {} : { claimHint }),
    ...(queuedHint === undefined ? {} : { queuedHint }),
  });
}
