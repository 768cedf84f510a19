import { delay } from "@std/async/delay";
import { type Hash, hashText } from "../../lib/core/hash.ts";
import type { NodeState, StatusSource } from "../../lib/plan/node.ts";
import type { TaskListing } from "../../lib/store/store.ts";
import {
  ARTIFACT,
  type Artifact,
  type SpecOption,
  type TaskDefinition,
} from "../../lib/task/artifact/artifact.ts";

/** What a {@link fakeArtifact} is made with. */
export interface FakeOptions {
  /** The task's name. @default "t" */
  name?: string;
  /** The spec, or what gives it. @default "default" */
  spec?: SpecOption<never>;
  /** @default none */
  limits?: TaskDefinition["limits"];
  /** @default none */
  priority?: TaskDefinition["priority"];
  /** @default the hash of name and label */
  hash?: string;
  /** The dependencies that may fail for good. @default none */
  tolerated?: readonly Artifact[];
}

/** An artifact that is told apart by its label. `dependencies` may be given lazily, so that cycles can be built. */
export function fakeArtifact(
  label: string,
  dependencies: readonly Artifact[] | (() => readonly Artifact[]) = [],
  { name = "t", spec = "default", hash = hashText(`${name} ${label}`), limits, priority, tolerated = [] }:
    FakeOptions = {},
): Artifact {
  return {
    [ARTIFACT]: {
      version: 1,
      task: { name, spec, limits, priority } as Artifact[typeof ARTIFACT]["task"],
      identity: label,
      tolerated: new Set(tolerated.map((each) => each.hash)),
      get dependencies() {
        return typeof dependencies === "function" ? dependencies() : dependencies;
      },
    },
    name,
    hash: hash as Hash,
    params: { label },
    toString: () => `${name}(${hash.slice(0, 8)})`,
  };
}

/** A status source in memory, which counts what it is asked. */
export class FakeSource implements StatusSource {
  /** Names that were listed, in order. */
  readonly listed: string[] = [];
  /** Labels of artifacts that were inspected, in order. */
  readonly inspected: string[] = [];
  /** How many inspections ran at the same time at most. */
  mostAtOnce = 0;
  #atOnce = 0;
  readonly #states = new Map<string, NodeState>();
  readonly #validated = new Set<string>();

  /** Says what there is of an artifact. */
  set(artifact: Artifact, state: NodeState): this {
    this.#states.set(artifact.hash, state);
    return this;
  }

  /** Says that artifacts are stored. */
  done(...artifacts: Artifact[]): this {
    for (const artifact of artifacts) this.set(artifact, { status: "DONE" });
    return this;
  }

  /** Says that an artifact has a record that must be opened; it counts as what `state` says. */
  stored(artifact: Artifact, state: NodeState): this {
    this.#validated.add(artifact.hash);
    return this.set(artifact, state);
  }

  listTask(name: string): Promise<TaskListing> {
    this.listed.push(name);
    const done = new Set<string>(), open = new Set<string>();
    for (const [hash, { status }] of this.#states) {
      if (status === "DONE" || this.#validated.has(hash)) done.add(hash);
      else open.add(hash);
    }
    return Promise.resolve({ done, open });
  }

  needsValidation(artifact: Artifact): boolean {
    return this.#validated.has(artifact.hash);
  }

  async inspect(artifact: Artifact): Promise<NodeState> {
    this.inspected.push((artifact.params as { label: string }).label);
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce);
    await delay(0);
    this.#atOnce--;
    return this.#states.get(artifact.hash) ?? { status: "TODO", reason: "missing" };
  }
}

/** A graph of layers of equal width; each node depends on `fan` of the layer below. The top layer is returned. */
export function layeredGraph(nodes: number, fan = 3, layers = 10): { roots: Artifact[]; all: Artifact[] } {
  const width = Math.ceil(nodes / layers);
  const all: Artifact[] = [];
  let below: Artifact[] = [];
  for (let layer = 0; layer < layers; layer++) {
    const row: Artifact[] = [];
    for (let i = 0; i < width; i++) {
      const dependencies = below.length === 0
        ? []
        : Array.from({ length: fan }, (_, k) => below[(i * fan + k * 7 + k) % width]!);
      row.push(fakeArtifact(`${layer}/${i}`, dependencies, { name: `layer/${layer}` }));
    }
    all.push(...row);
    below = row;
  }
  return { roots: below, all };
}
