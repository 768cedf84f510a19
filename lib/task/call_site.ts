import { isAbsolute } from "@std/path/posix/is-absolute";
import { toFileUrl } from "@std/path/posix/to-file-url";

interface CallSite {
  getFileName(): string | null | undefined;
}
type PrepareStackTrace = (error: Error, frames: CallSite[]) => unknown;

/**
 * URL of the module whose code called `callee`; `undefined` where the stack does not tell. It may name a file that
 * does not exist (source maps can do that).
 */
// deno-lint-ignore ban-types -- V8 takes any function
export function callingModule(callee: Function): string | undefined {
  const errors = Error as unknown as { prepareStackTrace?: PrepareStackTrace; stackTraceLimit?: number };
  const { prepareStackTrace: prepareBefore, stackTraceLimit: limitBefore } = errors;
  const holder: { stack?: unknown } = {};
  try {
    errors.stackTraceLimit = 10;
    errors.prepareStackTrace = (_error, frames) => frames.map((frame) => frame.getFileName());
    Error.captureStackTrace(holder, callee);
    // Native functions between (`[...].map(defineTask)`) have no file.
    for (const file of holder.stack as (string | null | undefined)[]) {
      if (!file || /^(ext|node):/.test(file)) continue;
      return isAbsolute(file) ? toFileUrl(file).href : file;
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
