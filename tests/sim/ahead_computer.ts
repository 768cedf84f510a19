import type { AttemptEnd } from "../../lib/core/attempt_end.ts";
import { type FirstAttempt, type FirstEnd, InlineComputer } from "../../lib/run/computer.ts";
import { computeAttempt } from "../../lib/run/compute.ts";
import { attemptFirst } from "../../lib/run/first_attempt.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import type { Random } from "./random.ts";
import { simRuntime } from "./sim_runtime.ts";
import type { World } from "./world.ts";

/** Milliseconds between two looks whether the computing process has ended. */
const LOOK_MS = 1000;

/**
 * First attempts in a process of their own, which claims with the owner file of the one that began them, may
 * die at any step, and is sometimes not waited for. It is not killed with that one: as a zombie it is the worse
 * neighbour.
 */
export class AheadComputer extends InlineComputer {
  readonly #world: World;
  readonly #host: string;
  readonly #runtime: Runtime;
  readonly #runId: string;
  readonly #random: Random;

  constructor(world: World, host: string, runtime: Runtime, runId: string, random: Random) {
    super(runtime, runId);
    this.#world = world;
    this.#host = host;
    this.#runtime = runtime;
    this.#runId = runId;
    this.#random = random;
  }

  async computeFirst({ artifact, spec, owner, onBegin }: FirstAttempt): Promise<FirstEnd> {
    const child = this.#world.spawn("child", this.#host, async (machine, signal) => {
      const runtime = simRuntime(machine, signal);
      const { id } = owner.record;
      return await attemptFirst(
        runtime,
        artifact,
        { id, ownerDir: owner.dir, ino: owner.ino },
        () =>
          computeAttempt(runtime, {
            artifact,
            attempt: { n: 1, id },
            ownerDir: owner.dir,
            context: { mode: "executor", runtime, node: artifact, spec, signal },
            run: this.#runId,
            io: {
              signal,
              output: { write() {} },
              onProgress: () => {},
              warn: () => {},
              timeLeftMs: () => Infinity,
              detachedPrograms: false,
            },
          }),
      );
    });
    onBegin();
    const { clock } = this.#runtime.machine;
    const ended = async (): Promise<AttemptEnd | "declined"> => {
      while (child.state === "running" || !child.gone) await clock.sleep(LOOK_MS);
      if (child.state === "crashed") {
        // Whose fault it was is the supervisor's guess: the one that computed, or one that only waited.
        if (this.#random.chance(0.5)) return "declined";
        return { outcome: "failed", blame: "compute", error: "its process died", logTail: [] };
      }
      if (child.failed) return { outcome: "failed", blame: "lost", error: `${child.error}`, logTail: [] };
      return child.value!;
    };
    if (this.#random.chance(0.15)) return { later: ended() };
    return await ended();
  }
}
