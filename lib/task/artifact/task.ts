import type { z } from "zod";
import type { Artifact, TaskDefinition } from "./artifact.ts";

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
