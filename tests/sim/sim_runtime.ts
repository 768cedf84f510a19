import type { Config } from "../../lib/core/config.ts";
import type { Machine } from "../../lib/core/system/machine.ts";
import { Computations } from "../../lib/run/computation.ts";
import { Runtime } from "../../lib/run/runtime.ts";

/** The store's folder in simulated worlds. */
export const ROOT = "/store";

/** The configuration of simulated processes. */
export const SIM_CONFIG: Config = {
  root: ROOT,
  slurmRoot: `${ROOT}/slurm`,
  retryFailed: true,
  recomputeDamaged: false,
  maxComputeRetries: 3,
  maxPreemptRetries: 5,
  alwaysRerun: [],
  leaseSec: 30,
  heartbeatSec: 10,
  staleAfterSec: 1800,
  maxWaitSec: 1e7,
  pollIntervalSec: 2,
  logLevel: "error",
  recordGit: "ignore",
};

/** The real runtime of a simulated process: its own store, waiting for ever, never interrupted but by `signal`. */
export function simRuntime(machine: Machine, signal: AbortSignal, config: Partial<Config> = {}): Runtime {
  return new Runtime({
    config: { ...SIM_CONFIG, ...config },
    machine,
    provenance: { collect: () => Promise.resolve({}), git: () => Promise.resolve(undefined) },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    guard: (attempt) => attempt(signal),
    // Simulated processes are parts of one real process, which share nothing.
    computations: new Computations(),
    echo: () => {},
  });
}
