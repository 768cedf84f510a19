import type { Config } from "../../core/config.ts";
import type { QueuePaths } from "../../queue/layout.ts";
import type { RunReporter } from "../../schedule/run_reporter.ts";
import type { Claim } from "../../store/claims/claim.ts";
import type { SlurmClient } from "../client/client.ts";
import type { PreparedPool } from "../run/prepare_run.ts";
import type { RunPoolOptions } from "../run/run_slurm_options.ts";

/** What {@link runPool} works with. */
export interface RunPoolContext {
  /** What the caller asked for, checked. */
  options: RunPoolOptions;
  /** The resolved configuration. */
  config: Config;
  /** URL of the module that the run was started with. */
  entry: string;
  /** Asks Slurm. */
  client: SlurmClient;
  /** Shows the run. */
  reporter: RunReporter;
  /** Ends it. */
  signal: AbortSignal;
  /** Takes what is done when the user does not want to wait any longer. */
  onKill: (kill: () => Promise<void>) => void;
}

/** A run whose controller this process is. */
export interface OpenPool extends PreparedPool {
  /** Where everything of it is. */
  paths: QueuePaths;
  /** The role of its controller. */
  claim: Claim;
}
