import type { AttemptEnd } from "../core/attempt_end.ts";
import { errorText, furuErrorName } from "../core/errors.ts";
import type { Hash } from "../core/hash.ts";
import { dirname } from "@std/path/posix/dirname";
import type { ClaimedAttempt, Computer, FirstAttempt, FirstEnd } from "../run/computer.ts";
import type { Runtime } from "../run/runtime.ts";
import { ARTIFACT, type Artifact } from "../task/artifact/artifact.ts";
import { paramsText } from "../task/artifact/reference.ts";
import type { ArtifactSource } from "./protocol/payload.ts";
import { Workers, type WorkersOptions } from "./workers.ts";

/** Options of a {@link ProcessComputer}. */
export interface ProcessComputerOptions extends WorkersOptions {
  /**
   * Finds out what a process needs in order to make an artifact, and each below it, again; asked before each
   * attempt. A `ProtocolError` that it throws is the attempt's failure, any other error a loss.
   *
   * @default {the artifacts tell it themselves}
   */
  sourcesOf?: (artifact: Artifact) => Promise<(hash: string) => ArtifactSource>;
  /**
   * Its processes, where there are some already.
   *
   * @default {it starts its own}
   */
  workers?: Workers | undefined;
}

/** Computes attempts in worker processes (ARCHITECTURE, "Workers"). */
export class ProcessComputer implements Computer {
  readonly inProcess = false;
  readonly computeFirst?: Computer["computeFirst"];
  readonly #runtime: Runtime;
  readonly #workers: Workers;
  readonly #entry: string;
  readonly #runId: string;
  readonly #sourcesOf: ProcessComputerOptions["sourcesOf"];
  #withdrawn = false;

  /** Starts nothing yet. */
  constructor(runtime: Runtime, runId: string, options: ProcessComputerOptions) {
    this.#runtime = runtime;
    this.#workers = options.workers ?? new Workers(runtime, options);
    this.#entry = options.entry;
    this.#runId = runId;
    this.#sourcesOf = options.sourcesOf;
    // Where artifacts come from a run's files, or are bounded by spec, each is begun by itself.
    if (options.maxWorkers === undefined || options.sourcesOf !== undefined) return;
    this.computeFirst = (attempt) => this.#computeFirst(attempt);
  }

  /**
   * Starts processes for the first attempts already; when that fails these will say so.
   *
   * @param count How many there are to be at least, as far as there may be so many.
   */
  warm(count = 1): void {
    this.#workers.warm(count);
  }

  withdraw(): void {
    this.#withdrawn = true;
    this.#workers.withdraw();
  }

  get ahead(): number {
    return this.#workers.ahead;
  }

  async #computeFirst(attempt: FirstAttempt): Promise<FirstEnd> {
    const { artifact, spec, owner, backend, signal, log, onBegin, onProgress } = attempt;
    const task = {
      entry: this.#entry,
      root: artifact.hash,
      name: artifact.name,
      artifacts: sources(artifact),
      attempt: { n: 1, id: owner.record.id },
      ownerDir: owner.dir,
      ino: owner.ino,
      run: this.#runId,
      spec,
      backend,
    };
    try {
      const end = await this.#workers.share(
        signal,
        (worker) =>
          this.#withdrawn
            ? Promise.resolve("declined" as const)
            : worker.run(task, { logPath: log, signal, onBegin, onProgress }),
      );
      if (typeof end === "object" && "outcome" in end) await this.noteFailure(log, end);
      return end;
    } catch (error) {
      return unstarted(error, signal);
    }
  }

  async compute(attempt: ClaimedAttempt): Promise<AttemptEnd> {
    const { artifact, claim, spec, signal, log, timeLimitSec, onProgress, replaces } = attempt;
    let artifacts;
    try {
      artifacts = await this.#sourcesOf?.(artifact) ?? sources(artifact);
    } catch (error) {
      // What the file server could not read now may be read later.
      const blame = furuErrorName(error) === "ProtocolError" ? "protocol" : "lost";
      return { outcome: "failed", blame, error: errorText(error), logTail: [] };
    }
    let worker;
    try {
      worker = await this.#workers.take(signal);
    } catch (error) {
      return unstarted(error, signal);
    }
    try {
      const end = await worker.run({
        entry: this.#entry,
        root: artifact.hash,
        name: artifact.name,
        artifacts,
        attempt: claim.attempt,
        ownerDir: claim.owner.dir,
        run: this.#runId,
        spec,
        backend: claim.record.backend,
        ...(replaces === undefined ? {} : { replace: replaces }),
      }, { logPath: log, signal, onProgress, timeLimitSec });
      // It was given to it alone.
      if (typeof end !== "object" || !("outcome" in end)) {
        throw new Error(`Attempt of ${artifact} was not made`);
      }
      await this.noteFailure(log, end);
      return end;
    } finally {
      this.#workers.give(worker);
    }
  }

  /** The log tells why an attempt failed, also when its process could not say it. */
  async noteFailure(log: string, end: AttemptEnd): Promise<void> {
    if (end.outcome !== "failed") return;
    const { machine: { files }, store } = this.#runtime;
    try {
      await store.makeDir(dirname(log));
      await files.write(log, `${end.stack ?? end.error}\n`, { append: true });
      await store.share(log);
    } catch (error) {
      this.#runtime.logger.warn(`Cannot write log ${log}: ${errorText(error)}`);
    }
  }

  async kill(): Promise<void> {
    await this.#workers.stop("KILL");
    // The process may exit right after this: nothing of it is to be left.
    await this.close();
  }

  async close(): Promise<void> {
    await this.#workers[Symbol.asyncDispose]();
  }
}

/** The end of an attempt for which there was no process. */
function unstarted(error: unknown, signal: AbortSignal): AttemptEnd {
  if (signal.aborted) return { outcome: "preempted", reason: errorText(signal.reason) };
  return { outcome: "failed", blame: "node", error: errorText(error), logTail: [] };
}

/** Tells about an artifact and any below it; looks only at what is asked for. */
function sources(root: Artifact): (hash: string) => ArtifactSource {
  const known = new Map<string, Artifact>([[root.hash, root]]);
  return (hash) => {
    const artifact = known.get(hash as Hash);
    if (!artifact) throw new Error(`Cannot tell about artifact ${hash}, which is not below ${root}`);
    const { task, dependencies, loadOnly } = artifact[ARTIFACT];
    for (const below of dependencies) {
      // Of two of one hash that counts which can be computed.
      if (known.get(below.hash)?.[ARTIFACT].loadOnly ?? true) known.set(below.hash, below);
    }
    return {
      ...(task.module === undefined ? {} : { module: task.module }),
      name: task.name,
      params: paramsText(artifact),
      ...(loadOnly ? { kept: true } : {}),
      dependencies: dependencies.map((below) => below.hash),
    };
  };
}
