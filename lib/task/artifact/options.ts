import type { z } from "zod";
import type { Artifact, CreateContext, StoredContext } from "./artifact.ts";

/**
 * Options of `defineTask`.
 *
 * @typeParam S The schema of the parameters.
 * @typeParam T What `create` returns.
 * @typeParam L What `load` returns, where there is one.
 */
export interface TaskOptions<S extends z.ZodObject, T, L = T> {
  /**
   * The name, which is part of the identity: words of `[A-Za-z0-9_.-]` joined by `/`, none beginning with a
   * dot or looking like a hash.
   */
  name: string;
  /**
   * The schema of the parameters. It checks them synchronously, as zod does, except that keys which a plain
   * `z.object` at any depth does not have are errors, below `.catch()` too. Of a union the first form that
   * fits is taken, unless it lacks keys that a later one has. A value that a `.catch()` replaces is told by a
   * warning. Their JSON may have 2^27 characters: for larger data give a path and its `digest`.
   */
  params: S;
  /**
   * Computes the value: anything JSON-like, bigint, Date, Map, Set, typed arrays, artifacts. Its JSON may
   * have 2^29 - 24 characters: larger data are files in `ctx.dir`, or typed arrays. Paths into `ctx.dir` and
   * the rest of the store move with it. A value that cannot be stored, and an error with a `PermanentError`
   * in it, is never tried again.
   *
   * Write it before `load` and `validate`, or TypeScript cannot type `value`; a task that refers to itself
   * needs a written return type here.
   */
  create: (ctx: CreateContext<z.output<S>>) => T | Promise<T>;
  /**
   * Turns the stored value into the one that `get` returns.
   *
   * @default {the stored value itself}
   */
  load?: (ctx: StoredContext<z.output<S>, NoInfer<T>>) => L | Promise<L>;
  /**
   * Says whether a stored value is (still) good: it is not if this returns `false`, or throws a
   * `ValidationError`, an assertion or that a file is not there. An error of the system (EIO, EACCES) says
   * nothing of the value.
   *
   * @default {every value is good}
   */
  validate?: (
    ctx: StoredContext<z.output<S>, NoInfer<T>>,
  ) => boolean | void | Promise<boolean | void>;
  /**
   * Names the dependencies besides the artifacts in the parameters. They are part of the identity.
   *
   * @default {none}
   */
  dependencies?: (params: z.output<S>) => Iterable<Artifact>;
  /**
   * The Slurm spec that an artifact needs. It is never part of the identity.
   *
   * @default {"default"}
   */
  spec?: string | ((params: z.output<S>) => string);
  /**
   * A part of the identity: change it when `create` changes its meaning.
   *
   * @default {none}
   */
  version?: string | number;
  /**
   * Names of top-level parameters that are no part of the identity.
   *
   * @default {none}
   */
  unhashed?: readonly (keyof z.output<S> & string)[];
  /**
   * For top-level parameters added later: the value that means what there was before. With it a parameter is
   * left out of the identity.
   *
   * @default {none}
   */
  legacy?: { readonly [K in keyof z.output<S>]?: z.output<S>[K] };
  /**
   * Seconds that an attempt may take; waiting in a `get` for what is computed meanwhile is not counted. Then
   * its signal aborts, and the attempt fails. Where code in the calling process does not heed the signal it
   * has five seconds more in which its value counts; what it returns later is not stored.
   *
   * @default {no limit}
   */
  timeLimit?: number | ((params: z.output<S>) => number);
  /**
   * URL of the module that a worker imports to have this task.
   *
   * @default {the module that calls `defineTask`}
   */
  module?: string | URL;
}
