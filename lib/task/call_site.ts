import { isAbsolute } from "@std/path/posix/is-absolute";
import { toFileUrl } from "@std/path/posix/to-file-url";

interface CallSite {
  getFileName(): string | null | undefined;
  getLineNumber(): number | null;
  getColumnNumber(): number | null;
}

/** A place in somebody's code. */
export interface Place {
  /** URL of the module. */
  module: string;
  /** The same with line and column, as in a stack: `file:///x/pipeline.ts:12:9`. */
  at: string;
}
type PrepareStackTrace = (error: Error, frames: CallSite[]) => unknown;

/**
 * The place of the code that called `callee`; `undefined` where the stack does not tell. It may name a file
 * that does not exist (source maps can do that).
 */
// deno-lint-ignore ban-types -- V8 takes any function
export function callingPlace(callee: Function): Place | undefined {
  const errors = Error as unknown as { prepareStackTrace?: PrepareStackTrace; stackTraceLimit?: number };
  const { prepareStackTrace: prepareBefore, stackTraceLimit: limitBefore } = errors;
  const holder: { stack?: unknown } = {};
  try {
    errors.stackTraceLimit = 10;
    errors.prepareStackTrace = (_error, frames) => frames;
    Error.captureStackTrace(holder, callee);
    // Native functions between (`[...].map(defineTask)`) have no file.
    for (const frame of holder.stack as CallSite[]) {
      const file = frame.getFileName();
      if (!file || /^(ext|node):/.test(file)) continue;
      const module = isAbsolute(file) ? toFileUrl(file).href : file;
      return { module, at: `${module}:${frame.getLineNumber()}:${frame.getColumnNumber()}` };
    }
    return undefined;
  } finally {
    restore(errors, "prepareStackTrace", prepareBefore);
    restore(errors, "stackTraceLimit", limitBefore);
  }
}

function restore<T extends object, K extends keyof T>(target: T, key: K, before: T[K] | undefined): void {
  if (before === undefined) delete target[key];
  else target[key] = before;
}
