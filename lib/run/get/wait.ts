import { WaitTimeoutError } from "../../core/errors.ts";
import { isSameProcess } from "../../core/system/machine.ts";
import type { ArtifactPaths } from "../../store/layout.ts";
import { ClaimWatch, describeOwner, type Look } from "../../store/claims/liveness.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { formatDuration } from "../../ui/duration.ts";
import type { Runtime } from "../runtime.ts";
import { settleLogged } from "../settle_logged.ts";

/** Time between two log lines about one wait. */
const SAY_EVERY_MS = 30_000;

/** So many look at the same time at what others do. */
const MAX_LOOKS = 32;

/**
 * Waits for the owner of an artifact's claim. A dead owner's attempt is ended, so that the next claim
 * succeeds.
 */
export class Waiter {
  readonly #runtime: Runtime;
  readonly #artifact: Artifact;
  readonly #paths: ArtifactPaths;
  readonly #watch: ClaimWatch;
  /**
   * How long it has waited for others, and in all: that this process does its own work is no reason to give
   * up.
   */
  #othersMs = 0;
  #waitedMs = 0;
  #pause = 5;
  #nextWords = 0;
  #owner = "nobody known";

  /** The waiting begins now. */
  constructor(runtime: Runtime, artifact: Artifact) {
    this.#runtime = runtime;
    this.#artifact = artifact;
    this.#paths = runtime.store.paths(artifact);
    this.#watch = new ClaimWatch(runtime.store, this.#paths);
  }

  /**
   * Looks once, and pauses where there is nothing to do but to wait.
   *
   * @throws {WaitTimeoutError} after `maxWaitSec`, naming owner, host and age. The signal's reason when it
   * aborts.
   */
  async turn(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const { machine } = this.#runtime;
    const started = machine.clock.monotonic();
    const look = await this.#look(signal);
    if (await settleLogged(this.#runtime, this.#artifact, look)) return;
    if ("holder" in look) {
      const age = machine.clock.now() - Date.parse(look.holder.startedAt);
      // Clocks differ between hosts, so the age is for people only.
      this.#owner = `${describeOwner(look.holder)}, for ${formatDuration(Math.max(0, age))} by this clock`;
      if (look.state === "alive" && look.still !== undefined) {
        this.#owner += `, whose Slurm job is ${look.still}`;
      }
    }
    this.#say();
    await machine.clock.sleep(this.#pauseMs(), signal);
    const waited = machine.clock.monotonic() - started;
    this.#waitedMs += waited;
    if (!("holder" in look && isSameProcess(look.holder.owner, machine.self))) this.#othersMs += waited;
  }

  /** Each look holds a file open, and there may be thousands that wait. */
  async #look(signal: AbortSignal | undefined): Promise<Look> {
    const { looks } = this.#runtime.computations;
    await looks.take(MAX_LOOKS, 0, signal);
    try {
      return await this.#watch.look();
    } finally {
      looks.give();
    }
  }

  #say(): void {
    const { logger, config } = this.#runtime;
    if (this.#othersMs > config.maxWaitSec * 1000) {
      throw new WaitTimeoutError(
        `Gave up waiting for ${this.#artifact} after ${
          Math.round(this.#othersMs / 1000)
        } s (maxWaitSec ${config.maxWaitSec}): ` +
          `it is computed by ${this.#owner}, whose claim is ${this.#paths.claim}`,
        { artifact: `${this.#artifact}` },
      );
    }
    // The first second is silent: most waits are short.
    if (this.#waitedMs < 1000 || this.#waitedMs < this.#nextWords) return;
    this.#nextWords = this.#waitedMs + SAY_EVERY_MS;
    logger.info(`waiting for ${this.#artifact}: computed by ${this.#owner}`);
  }

  /** Short at first, and always short enough to see a lease run out. */
  #pauseMs(): number {
    const { pollIntervalSec, maxWaitSec } = this.#runtime.config;
    const longest = Math.min(pollIntervalSec * 1000, this.#watch.longestPauseMs, maxWaitSec * 250);
    const pause = Math.min(this.#pause, longest);
    this.#pause = Math.min(this.#pause * 1.5, longest);
    return pause;
  }
}
