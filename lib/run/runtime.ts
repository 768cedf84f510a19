import type { ResourceUse } from "../core/attempt_end.ts";
import type { Config } from "../core/config.ts";
import type { ForceRules } from "../plan/forced.ts";
import type { Machine } from "../core/system/machine.ts";
import type { SuccessRecord } from "../store/record.ts";
import type { GitState } from "../store/results/provenance.ts";
import type { QueuedHint } from "../store/claims/queued.ts";
import { type ClaimHint, Store } from "../store/store.ts";
import { checkTaskNames } from "../task/artifact/registry.ts";
import type { Logger } from "../ui/logger.ts";
import { type Computations, sharedComputations } from "./computation.ts";

/** Makes the part of a record that tells where it comes from, as JSON. */
export interface ProvenanceSource {
  /**
   * For a record that is about to be written.
   *
   * @param used What its attempt took.
   * @param module URL of the module that defines the task.
   */
  collect(used: ResourceUse, module?: string): Promise<Record<string, unknown>>;
  /**
   * Begins to measure an attempt; what it gives tells what was taken since.
   *
   * @default {nothing is measured}
   */
  measure?(): () => ResourceUse;
  /** Reads the code of a task, when an attempt begins. */
  noteCode?(module: string): void;
  /** The state of git, for other processes of the same run. */
  git(): Promise<GitState | undefined>;
}

/** Runs an attempt in this process so that Ctrl-C ends it properly. */
export type AttemptGuard = <T>(attempt: (signal: AbortSignal) => Promise<T>) => Promise<T>;

/** Options of a {@link Runtime}. */
export interface RuntimeOptions {
  /** The resolved configuration. */
  config: Config;
  /** The machine that it runs on. */
  machine: Machine;
  /** Gives the provenance of a record that is about to be written. */
  provenance: ProvenanceSource;
  /** Takes furu's own messages, such as what `get` waits for. */
  logger: Logger;
  /** Runs an attempt in this process so that Ctrl-C ends it properly. */
  guard: AttemptGuard;
  /** Shows text of the log of an attempt that is computed in this process. */
  echo: (output: string | Uint8Array) => void;
  /**
   * Once a signal has reached the process: what no `get` returns from, as the process ends.
   *
   * @default {never}
   */
  exiting?: () => Promise<never> | undefined;
  /** The computations of `get`; by default one {@link Computations} for all runtimes of the process. */
  computations?: Computations;
  /**
   * The store, where this process uses it already.
   *
   * @default {the one that the configuration names}
   */
  store?: Store | undefined;
  /** Asks a cluster's scheduler about claims, besides their heartbeats. */
  claimHint?: ClaimHint;
  /** Asks a cluster's scheduler about jobs that are queued. */
  queuedHint?: QueuedHint;
  /**
   * How many attempts may run at once and share what the process may use of its machine.
   *
   * @default {1}
   */
  atOnce?: number | undefined;
}

/**
 * How many `create`s run at the same time in interactive code: most of them wait for a program or the
 * network, and each holds some open files.
 */
const MAX_CREATES = 32;

/** The shared state of all parts of a process that get or compute artifacts. */
export class Runtime {
  /** The resolved configuration. */
  readonly config: Config;
  /** The machine that it runs on. */
  readonly machine: Machine;
  /** The store. */
  readonly store: Store;
  /** Gives the provenance of a record that is about to be written. */
  readonly provenance: ProvenanceSource;
  /** Takes furu's own messages, such as what `get` waits for. */
  readonly logger: Logger;
  /** Runs an attempt in this process so that Ctrl-C ends it properly. */
  readonly guard: AttemptGuard;
  /** Once a signal has reached the process: what no `get` returns from, as the process ends. */
  readonly exiting: () => Promise<never> | undefined;
  /** The computations of `get`. */
  readonly computations: Computations;
  /** Shows text of the log of an attempt that is computed in this process. */
  readonly echo: (output: string | Uint8Array) => void;
  /** Stands for the run in the records of an interactive process: forced tasks are computed once in it. */
  readonly session: string;
  /** Ids of the attempts whose results were found valid: a record is validated at most once per process. */
  readonly validated = new Set<SuccessRecord["id"]>();
  /** Asks a cluster's scheduler about jobs that are queued. */
  readonly queuedHint: QueuedHint | undefined;
  /** How many attempts share what the process may use of its machine. */
  readonly atOnce: number;

  #rerun: ForceRules | undefined;

  /** Touches nothing yet. */
  constructor(options: RuntimeOptions) {
    const { config, machine, provenance, logger, guard, exiting, computations } = options;
    const { echo, store, claimHint, queuedHint, atOnce } = options;
    this.config = config;
    this.machine = machine;
    this.provenance = provenance;
    this.logger = logger;
    this.guard = guard;
    this.exiting = exiting ?? (() => undefined);
    this.computations = computations ?? sharedComputations();
    this.echo = echo;
    this.queuedHint = queuedHint;
    this.atOnce = atOnce ?? 1;
    this.store = store ??
      new Store(machine, { ...config, ...(claimHint === undefined ? {} : { claimHint }) });
    this.session = `get-${machine.randomId()}`;
  }

  /** The most `create`s that may run at the same time in interactive code. */
  get maxCreates(): number {
    return this.config.maxCreates ?? Math.max(MAX_CREATES, navigator.hardwareConcurrency);
  }

  /**
   * What `alwaysRerun` forces in this process.
   *
   * @throws {ConfigError} If it names a task that does not exist.
   */
  get rerun(): ForceRules {
    const { alwaysRerun: force } = this.config;
    if (!this.#rerun) checkTaskNames(force);
    return this.#rerun ??= { runId: this.session, force };
  }
}
