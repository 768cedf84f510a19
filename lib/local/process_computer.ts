import { canonicalJson } from "../core/canonical.ts";
import type { Hash } from "../core/hash.ts";
import type { Runtime } from "../run/runtime.ts";
import { ARTIFACT, type Artifact, artifactReference } from "../task/artifact.ts";
import type { ArtifactSource } from "../worker/payload.ts";
import type { Verdict } from "../worker/verdict.ts";
import { errorText } from "../core/errors.ts";
import type { Computer, LocalAttempt } from "./local_backend.ts";
import { Workers, type WorkersOptions } from "./workers.ts";

/** Computes attempts in worker processes (DESIGN section 7). */
export class ProcessComputer implements Computer {
  readonly #workers: Workers;
  readonly #entry: string;
  readonly #runId: string;

  /** Starts nothing yet. */
  constructor(runtime: Runtime, runId: string, options: WorkersOptions) {
    this.#workers = new Workers(runtime, options);
    this.#entry = options.entry;
    this.#runId = runId;
  }

  async compute(attempt: LocalAttempt): Promise<Verdict> {
    const { artifact, claim, spec, signal, log, timeLimitSec, onProgress, replaces } = attempt;
    let worker;
    try {
      worker = await this.#workers.take(signal);
    } catch (error) {
      if (signal.aborted) return { outcome: "preempted", reason: errorText(signal.reason) };
      return { outcome: "failed", kind: "protocol", error: errorText(error), logTail: [] };
    }
    try {
      return await worker.run({
        entry: this.#entry,
        root: artifact.hash,
        artifacts: sources(artifact),
        attempt: claim.attempt,
        run: this.#runId,
        spec,
        backend: "local",
        ...(replaces === undefined ? {} : { replace: replaces }),
      }, { logPath: log, signal, onProgress, timeLimitSec });
    } finally {
      await this.#workers.give(worker);
    }
  }

  async kill(): Promise<void> {
    await this.#workers.stop("KILL");
  }

  async close(): Promise<void> {
    await this.#workers[Symbol.asyncDispose]();
  }
}

/** Tells about an artifact and any below it; looks only at what is asked for. */
function sources(root: Artifact): (hash: string) => ArtifactSource {
  const known = new Map<string, Artifact>([[root.hash, root]]);
  return (hash) => {
    const artifact = known.get(hash as Hash);
    if (!artifact) throw new Error(`Cannot tell about artifact ${hash}, which is not below ${root}`);
    const { task, dependencies } = artifact[ARTIFACT];
    for (const below of dependencies) known.set(below.hash, below);
    return {
      ...(task.module === undefined ? {} : { module: task.module }),
      name: task.name,
      params: canonicalJson(artifact.params, { artifactReference }),
      dependencies: dependencies.map((below) => below.hash),
    };
  };
}
