import type { AttemptEnd, FailedAttempt } from "../core/attempt_end.ts";
import { errorText, furuErrorName } from "../core/errors.ts";
import { ARTIFACT, type Artifact } from "./artifact/artifact.ts";

/** Finds out whether code threw before it waited for anything for the first time. */
export class FirstWait {
  #early = false;
  #over = false;

  /** Whether the code threw, and had not waited by then: it depends on nothing but what it was given. */
  get threwBefore(): boolean {
    return this.#early;
  }

  /** Runs code. */
  around<T>(code: () => T | Promise<T>): T | Promise<T> {
    let value: T | Promise<T>;
    try {
      value = code();
    } catch (error) {
      this.#early = true;
      throw error;
    }
    if (!(value instanceof Promise)) return value;
    // The one that is told first has come first: a promise that is rejected already tells it at once.
    value.then(undefined, () => this.#early = !this.#over);
    queueMicrotask(() => this.#over = true);
    return value;
  }
}

/**
 * The end of an attempt that threw, with what its task's `retryable` says of the error, or what furu knows of
 * errors of its kind: whether trying again may help. What is known for sure (a `PermanentError`, a value that
 * cannot be stored) is not asked about.
 *
 * @param early Whether `create` threw before it waited for anything.
 */
export function judgeThrown(artifact: Artifact, error: unknown, end: AttemptEnd, early: boolean): AttemptEnd {
  if (end.outcome !== "failed" || end.blame !== "compute" || end.lasting) return end;
  const { retryable } = artifact[ARTIFACT].task;
  if (retryable === undefined) {
    const kind = fixedKind(error, early);
    return kind === undefined ? end : notRetried(end, kind);
  }
  let answer: unknown;
  try {
    answer = retryable(error);
  } catch (thrown) {
    return notRetried(end, `'retryable' of its task threw: ${errorText(thrown)}`);
  }
  if (answer === true) return end;
  if (answer === false) return notRetried(end, `'retryable' of its task says so`);
  return notRetried(
    end,
    `'retryable' of its task must return true or false: it returned ${Deno.inspect(answer, { depth: 1 })}`,
  );
}

function notRetried(end: FailedAttempt, why: string): FailedAttempt {
  return { ...end, lasting: true, error: `${end.error}\nnot tried again: ${why}` };
}

/** Errors of code: with the same parameters it throws them again. */
const OF_CODE = [TypeError, ReferenceError, RangeError, SyntaxError, URIError];

/** The reason why an error cannot change by itself, where there is one that is known by its kind. */
function fixedKind(error: unknown, early: boolean): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code } = error as { code?: unknown };
  if (code === "ERR_MODULE_NOT_FOUND") return "a module that is missing stays so";
  // What was read meanwhile may be another time.
  if (!early || code !== undefined || dependsOnMore(error)) return undefined;
  const isOfCode = OF_CODE.some((kind) => error instanceof kind) || error.name === "ZodError" ||
    furuErrorName(error) === "ValidationError";
  return isOfCode ? `'create' threw it before it waited for anything, and would again` : undefined;
}

/** Text that was read at once may be there as a whole later, and there may be more memory. */
function dependsOnMore({ name, message }: Error): boolean {
  return (name === "SyntaxError" && /JSON/.test(message)) ||
    (name === "RangeError" && /alloc|memory/i.test(message));
}
