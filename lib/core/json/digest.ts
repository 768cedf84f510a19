import { errorText, FuruError } from "../errors.ts";

/**
 * Computes the SHA-256 of a file, read in pieces, for parameters that stand for files: `{ path, sha256 }`
 * with `unhashed: ["path"]`.
 *
 * @param path A path or a `file:` URL.
 * @returns 64 hex digits.
 * @throws {FuruError} If the file cannot be read: names it and the cause.
 */
export async function digest(path: string | URL): Promise<string> {
  const { createHash } = await import("node:crypto"); // slow to load, and few pipelines need it
  const hash = createHash("sha256");
  try {
    using file = await Deno.open(path);
    const buffer = new Uint8Array(1 << 18);
    for (let count; (count = await file.read(buffer)) !== null;) hash.update(buffer.subarray(0, count));
  } catch (cause) {
    throw new FuruError(`Cannot compute the digest of file '${path}': ${errorText(cause)}`, { cause });
  }
  return hash.digest("hex");
}
