import { z } from "zod";
import { furuGlobals } from "../../core/globals.ts";
import { type Artifact, isArtifact, type TaskDefinition } from "./artifact.ts";
import type { ArtifactSchema } from "./task.ts";

/** What {@link taskOfSchema} tells of a task: enough to make its artifacts. */
export interface AnyTask {
  /** The artifact with these parameters. */
  (params?: unknown): Artifact;
  /** What it was defined as. */
  readonly definition: TaskDefinition;
}

/** A schema that accepts the artifacts of this task, whichever copy of furu made them. */
export function artifactSchema<T, P>(task: AnyTask): ArtifactSchema<T, P> {
  const { name } = task.definition;
  const isOfTask = (value: unknown) => isArtifact(value) && value.name === name;
  furuGlobals().schemas.set(isOfTask, task);
  return z.custom<Artifact<T, P>>(isOfTask, {
    error: ({ input }) =>
      input === undefined ? `is missing, expected ${allowed(name)}` : `expected ${allowed(name)}`,
  }) as ArtifactSchema<T, P>;
}

function allowed(name: string): string {
  return `an artifact of ${name}`;
}

/** The task whose artifacts a schema accepts, also when `.describe()`, `.refine()` or the like were called on it. */
export function taskOfSchema(schema: z.core.$ZodType): AnyTask | undefined {
  const { fn } = schema._zod.def as { fn?: object };
  return fn === undefined ? undefined : furuGlobals().schemas.get(fn) as AnyTask | undefined;
}
