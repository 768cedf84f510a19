/** Stand-in for `jsr:@std/fs/ensure-dir`, written by hand: npm's `deno-std` has no fs. @module */

/** See https://jsr.io/@std/fs/doc/~/ensureDir. */
export async function ensureDir(dir: string | URL): Promise<void> {
  try {
    await Deno.mkdir(dir, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
    const info = await Deno.stat(dir);
    if (info.isDirectory) return;
    throw new Error(
      `Failed to ensure directory exists: expected 'dir', got 'file'`,
    );
  }
}
