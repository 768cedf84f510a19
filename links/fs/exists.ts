/** Stand-in for `jsr:@std/fs/exists`, written by hand: npm's `deno-std` has no fs. @module */

/** Options for {@linkcode exists}. */
export interface ExistsOptions {
  /** When `true`, will check if the path is readable by the user as well. @default false */
  isReadable?: boolean;
  /** When `true`, will check if the path is a directory as well. @default false */
  isDirectory?: boolean;
  /** When `true`, will check if the path is a file as well. @default false */
  isFile?: boolean;
}

/** See https://jsr.io/@std/fs/doc/~/exists. */
export async function exists(
  path: string | URL,
  options?: ExistsOptions,
): Promise<boolean> {
  if (options?.isDirectory && options.isFile) {
    throw new TypeError(
      "ExistsOptions.options.isDirectory and ExistsOptions.options.isFile must not be true together",
    );
  }
  try {
    const info = await Deno.stat(path);
    if (
      options?.isDirectory && !info.isDirectory ||
      options?.isFile && !info.isFile
    ) return false;
    return options?.isReadable ? isReadable(info) : true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    // Without permission to stat, Deno itself may have been refused, or only the system said no.
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    const permission = await Deno.permissions.query({ name: "read", path });
    if (permission.state !== "granted") throw error;
    return !options?.isReadable;
  }
}

/** May this user read it, by the permission bits? Unknown bits count as yes, as on Windows. */
function isReadable({ mode, uid, gid }: Deno.FileInfo): boolean {
  if (mode === null) return true;
  if (Deno.uid() === uid) return (mode & 0o400) === 0o400;
  if (Deno.gid() === gid) return (mode & 0o040) === 0o040;
  return (mode & 0o004) === 0o004;
}
