import { z } from "zod";
import { type Artifact, isArtifact, type TaskDefinition } from "./artifact.ts";
import { furuGlobals } from "../../core/globals.ts";

/**
 * The schema of a parameter that is an artifact of a certain task.
 *
 * @typeParam T The type of the value of the artifact.
 * @typeParam P The parsed parameters of the artifact.
 */
export type ArtifactSchema<T, P> = z.ZodCustom<Artifact<T, P>, Artifact<T, P>>;

/**
 * The arguments of a {@link Task}: nothing is needed where no parameter is required.
 *
 * @typeParam I The parameters as they are given.
 */
export type TaskArguments<I> = Record<never, never> extends I ? [params?: I] : [params: I];

/**
 * A task, as `defineTask` makes it: called with parameters it gives an artifact.
 *
 * @typeParam S The schema of its parameters.
 * @typeParam T The type of the value that `get` returns for its artifacts.
 */
export interface Task<S extends z.ZodObject = z.ZodObject, T = unknown> {
  /**
   * Makes the artifact with these parameters.
   *
   * @param args The parameters.
   * @returns The artifact. Nothing is computed.
   * @throws {ValidationError} If the parameters are not allowed: names the task, the path and what is
   * allowed.
   */
  (...args: TaskArguments<z.input<S>>): Artifact<T, z.output<S>>;
  /** The schema that accepts an artifact of this task inside other parameters. */
  readonly schema: ArtifactSchema<T, z.output<S>>;
  /**
   * For furu itself: the definition, with its types forgotten.
   *
   * @internal
   */
  readonly definition: TaskDefinition;
}

/** A task with its types forgotten: enough to make its artifacts. */
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

/**
 * The task whose artifacts a schema accepts, also when `.describe()`, `.refine()` or the like were called on
 * it.
 */
export function taskOfSchema(schema: z.core.$ZodType): AnyTask | undefined {
  const { fn } = schema._zod.def as { fn?: object };
  return fn === undefined ? undefined : furuGlobals().schemas.get(fn) as AnyTask | undefined;
}
