import type { z } from "zod";
import type { Artifact, TaskDefinition } from "./artifact.ts";

/** The schema of a parameter that is an artifact of a certain task. */
export type ArtifactSchema<T, P> = z.ZodCustom<Artifact<T, P>, Artifact<T, P>>;

/** What a {@link Task} is called with: nothing is needed where no parameter is required. */
export type TaskArguments<I> = Record<never, never> extends I ? [params?: I] : [params: I];

/**
 * What `defineTask` returns: called with parameters it gives an artifact.
 *
 * @typeParam S The schema of its parameters.
 * @typeParam T What `get` returns for its artifacts.
 */
export interface Task<S extends z.ZodObject = z.ZodObject, T = unknown> {
  /**
   * The artifact with these parameters.
   *
   * @throws {ValidationError} naming the task, the path and what is allowed.
   */
  (...args: TaskArguments<z.input<S>>): Artifact<T, z.output<S>>;
  /** Accepts an artifact of this task inside other parameters. */
  readonly schema: ArtifactSchema<T, z.output<S>>;
  /**
   * For furu itself: the definition, with its types forgotten.
   *
   * @internal
   */
  readonly definition: TaskDefinition;
}
