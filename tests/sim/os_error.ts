type ErrorClass = new (message: string) => Error;

/** Class, number and words of each error as Deno 2.9 gives them on Linux. */
const KNOWN: Record<string, [ErrorClass, number, string]> = {
  EPERM: [Deno.errors.PermissionDenied, 1, "Operation not permitted"],
  ENOENT: [Deno.errors.NotFound, 2, "No such file or directory"],
  EIO: [Error, 5, "Input/output error"],
  EACCES: [Deno.errors.PermissionDenied, 13, "Permission denied"],
  EEXIST: [Deno.errors.AlreadyExists, 17, "File exists"],
  ENOTDIR: [Deno.errors.NotADirectory, 20, "Not a directory"],
  EISDIR: [Deno.errors.IsADirectory, 21, "Is a directory"],
  EINVAL: [TypeError, 22, "Invalid argument"],
  EMFILE: [Error, 24, "Too many open files"],
  ENOSPC: [Error, 28, "No space left on device"],
  EROFS: [Error, 30, "Read-only file system"],
  ENOTEMPTY: [Error, 39, "Directory not empty"],
  ESTALE: [Error, 116, "Stale file handle"],
};

/** Codes that {@link osError} can make. */
export type OsCode =
  | "EPERM"
  | "ENOENT"
  | "EIO"
  | "EACCES"
  | "EEXIST"
  | "ENOTDIR"
  | "EISDIR"
  | "EINVAL"
  | "EMFILE"
  | "ENOSPC"
  | "EROFS"
  | "ENOTEMPTY"
  | "ESTALE";

/** An error of the operating system with the class, the code and the words that Deno gives it. */
export function osError(code: OsCode, what: string): Error & { code: string } {
  const [Class, number, words] = KNOWN[code] as [ErrorClass, number, string];
  return Object.assign(new Class(`${words} (os error ${number}): ${what}`), { code });
}
