import { errorText } from "../../core/errors.ts";
import { artifactLabel, type Hash } from "../../core/hash.ts";
import { ARTIFACT, type Artifact, type ArtifactCore } from "./artifact.ts";

type Inspect = (value: unknown, options?: unknown) => string;

// An artifact shown inside another one is its label only: chains can be very long.
let inspecting = false;

/** The one class of artifacts; outside this folder only the {@link Artifact} interface is known. */
export class ArtifactObject implements Artifact {
  readonly name: string;
  readonly hash: Hash;
  readonly params: unknown;
  readonly [ARTIFACT]: ArtifactCore;

  constructor(core: ArtifactCore, hash: Hash, params: unknown) {
    this.name = core.task.name;
    this.hash = hash;
    this.params = params;
    this[ARTIFACT] = core;
  }

  toString(): string {
    return artifactLabel(this.name, this.hash);
  }

  [Symbol.for("Deno.customInspect")](inspect: Inspect, options: unknown): string {
    return show(this, inspect, options);
  }

  [Symbol.for("nodejs.util.inspect.custom")](_depth: number, options: unknown, inspect: Inspect): string {
    return show(this, inspect, options);
  }
}

function show(artifact: Artifact, inspect: Inspect, options: unknown): string {
  if (inspecting) return artifact.toString();
  inspecting = true;
  try {
    return `${artifact} ${inspect({ hash: artifact.hash, params: knownParams(artifact) }, options)}`;
  } finally {
    inspecting = false;
  }
}

/** To look at an artifact whose parameters nobody knows is no error. */
function knownParams(artifact: Artifact): unknown {
  try {
    return artifact.params;
  } catch (error) {
    return errorText(error);
  }
}
