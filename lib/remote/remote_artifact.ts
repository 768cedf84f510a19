import { fromCanonical } from "../core/json/canonical.ts";
import { ProtocolError } from "../core/errors.ts";
import { furuGlobals } from "../core/globals.ts";
import { artifactLabel, type Hash } from "../core/hash.ts";
import type { QueuePaths } from "../queue/layout.ts";
import type { TaskFile } from "../queue/task_file.ts";
import type { Runtime } from "../run/runtime.ts";
import {
  ARTIFACT,
  type Artifact,
  type ArtifactCore,
  type TaskDefinition,
} from "../task/artifact/artifact.ts";
import { type KeptArtifact, keptParams } from "../task/artifact/load_only.ts";
import { readPayload } from "../worker/protocol/payload_files.ts";
import type { OwnNode } from "./own_node.ts";
import type { DagHead, PoolNode } from "./run_record.ts";

/**
 * Finds an artifact of a run.
 *
 * @throws {ProtocolError} For a hash that the run does not have.
 */
export type ArtifactOf = (hash: Hash) => Artifact;

/**
 * The artifacts of a run for processes that never import the user's code, as supervisors and controllers.
 * They can be planned, claimed, looked for in the store and handed to a computing process. They cannot be
 * computed, and know no parameters.
 */
export function remoteArtifacts({ runId, nodes }: { runId: string; nodes: readonly PoolNode[] }): ArtifactOf {
  const byHash = new Map(nodes.map((node) => [node.hash, node]));
  const made = new Map<Hash, Artifact>();
  const artifactOf = (hash: Hash): Artifact => {
    let artifact = made.get(hash);
    if (artifact) return artifact;
    const node = byHash.get(hash);
    if (!node) {
      throw new ProtocolError(`Cannot find artifact ${hash} in run ${runId}, which has none of that hash`);
    }
    made.set(hash, artifact = new RemoteArtifact(node, artifactOf));
    return artifact;
  };
  return artifactOf;
}

/**
 * The artifact of a task in a pool's queue, for the worker that has it: it knows no dependencies, which are
 * the controller's business.
 */
export function taskArtifact({ hash, name, spec, timeLimitSec }: TaskFile): Artifact {
  const limit = timeLimitSec === undefined ? {} : { timeLimitSec };
  return new RemoteArtifact({ hash, name, spec, ...limit, dependencies: [] }, (below) => {
    throw new ProtocolError(`Cannot find artifact ${below}: a worker knows its own tasks only`);
  });
}

/**
 * The artifact of a node of a run in DAG mode, as {@link remoteArtifacts} makes it. Its dependencies are
 * known by their names alone: each is another job's business.
 */
export function dagArtifact({ runId }: Pick<DagHead, "runId">, { below, ...node }: OwnNode): Artifact {
  const bare = { spec: "default", dependencies: [] };
  return remoteArtifacts({
    runId,
    nodes: [
      { ...node, dependencies: [...node.dependencies, ...node.stored.map(({ hash }) => hash)] },
      ...[...below, ...node.stored].map(({ hash, name }) => ({ ...bare, hash, name })),
    ],
  })(node.hash);
}

/**
 * Reads the parameters of an artifact of {@link remoteArtifacts}, for people; of any other one nothing is
 * read. Parameters that cannot be read say so.
 */
export async function learnParams(
  runtime: Pick<Runtime, "machine">,
  paths: Pick<QueuePaths, "run">,
  artifact: Artifact,
): Promise<void> {
  if (artifact instanceof RemoteArtifact) await artifact.learn(runtime, paths);
}

class RemoteArtifact implements Artifact {
  readonly name: string;
  readonly hash: Hash;
  readonly [ARTIFACT]: ArtifactCore;
  readonly #artifactOf: ArtifactOf;
  #params: unknown = {};

  constructor(node: PoolNode, artifactOf: ArtifactOf) {
    const {
      hash,
      name,
      spec,
      dependencies,
      timeLimitSec,
      retries,
      retryDelaySec,
      tolerates = [],
      limits,
      priority,
    } = node;
    this.name = name;
    this.hash = hash;
    this.#artifactOf = artifactOf;
    const task: TaskDefinition = {
      name,
      params: undefined as never,
      create: () => {
        throw new ProtocolError(`Cannot compute ${this} in a process that does not have its task's code`);
      },
      spec,
      unhashed: [],
      legacy: {},
      ...(timeLimitSec === undefined ? {} : { timeLimit: timeLimitSec }),
      ...(limits === undefined ? {} : { limits }),
      ...(priority === undefined ? {} : { priority }),
      ...(retries === undefined ? {} : { retries }),
      ...(retryDelaySec === undefined ? {} : { retryDelaySec }),
    };
    const label = artifactLabel(name, hash);
    let below: readonly Artifact[] | undefined;
    if (tolerates.length > 0) furuGlobals().tolerates = true;
    const core: ArtifactCore = {
      version: 1,
      task: Object.freeze(task),
      tolerated: new Set(tolerates),
      // Nothing can be stored for it from here.
      get identity(): string {
        throw new ProtocolError(
          `Cannot tell the identity of ${label} in a process that does not have its task's code`,
        );
      },
      // They are made when asked for, since chains can be longer than the call stack.
      get dependencies() {
        return below ??= dependencies.map(artifactOf);
      },
    };
    this[ARTIFACT] = Object.freeze(core);
    Object.freeze(this);
  }

  get params(): unknown {
    return this.#params;
  }

  async learn(runtime: Pick<Runtime, "machine">, { run }: Pick<QueuePaths, "run">): Promise<void> {
    try {
      const { params, kept } = await readPayload(runtime, run, this.hash);
      const json: unknown = JSON.parse(params);
      this.#params = fromCanonical(kept ? keptParams(json as KeptArtifact) : json, {
        artifact: (_name, hash) => this.#artifactOf(hash as Hash),
      });
    } catch {
      this.#params = "(cannot be read)";
    }
  }

  toString(): string {
    return artifactLabel(this.name, this.hash);
  }

  /** Among the parameters of another artifact, its label says enough. */
  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }
}
