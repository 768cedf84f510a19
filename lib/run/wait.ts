import { WaitTimeoutError } from "../core/errors.ts";
import type { ArtifactPaths } from "../store/layout.ts";
import { ClaimWatch, describeOwner } from "../store/liveness.ts";
import type { Artifact } from "../task/artifact.ts";
import { formatDuration } from "../ui/duration.ts";
import type { Runtime } from "./runtime.ts";
import { settleClaim } from "./settle_claim.ts";

/** Time between two log lines about one wait. */
const SAY_EVERY_MS = 30_000;

/** Waits for whoever computes an artifact now; a dead one is ended, so that the next claim succeeds. */
export class Waiter {
  readonly #runtime: Runtime;
  readonly #artifact: Artifact;
  readonly #paths: ArtifactPaths;
  readonly #watch: ClaimWatch;
  readonly #started: number;
  #pause = 5;
  #nextWords = 0;
  #owner = "nobody known";

  /** The waiting begins now. */
  constructor(runtime: Runtime, artifact: Artifact) {
    this.#runtime = runtime;
    this.#artifact = artifact;
    this.#paths = runtime.store.paths(artifact);
    this.#watch = new ClaimWatch(runtime.store, this.#paths);
    this.#started = runtime.machine.clock.monotonic();
  }

  /**
   * Looks once, and pauses where there is nothing to do but to wait.
   *
   * @throws {WaitTimeoutError} after `maxWaitSec`, naming owner, host and age. The signal's reason when it aborts.
   */
  async turn(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    const { machine } = this.#runtime;
    const look = await this.#watch.look();
    if (await settleClaim(this.#runtime, this.#artifact, look)) return;
    if ("holder" in look) {
      const age = machine.clock.now() - Date.parse(look.holder.startedAt);
      // Clocks differ between hosts, so the age is for people only.
      this.#owner = `${describeOwner(look.holder)}, for ${formatDuration(Math.max(0, age))} by this clock`;
    }
    this.#say();
    await machine.clock.sleep(this.#pauseMs(), signal);
  }

  #say(): void {
    const { machine, logger, config } = this.#runtime;
    const waited = machine.clock.monotonic() - this.#started;
    if (waited > config.maxWaitSec * 1000) {
      throw new WaitTimeoutError(
        `Gave up waiting for ${this.#artifact} after ${
          Math.round(waited / 1000)
        } s (maxWaitSec ${config.maxWaitSec}): ` +
          `it is computed by ${this.#owner}, whose claim is ${this.#paths.claim}`,
        { artifact: `${this.#artifact}` },
      );
    }
    // The first second is silent: most waits are short.
    if (waited < 1000 || waited < this.#nextWords) return;
    this.#nextWords = waited + SAY_EVERY_MS;
    logger.info(`waiting for ${this.#artifact}: computed by ${this.#owner}`);
  }

  /** Short at first, and never so long that a lease could not be seen to run out. */
  #pauseMs(): number {
    const { pollIntervalSec, maxWaitSec } = this.#runtime.config;
    const longest = Math.min(pollIntervalSec * 1000, this.#watch.longestPauseMs, maxWaitSec * 250);
    const pause = Math.min(this.#pause, longest);
    this.#pause = Math.min(this.#pause * 1.5, longest);
    return pause;
  }
}
