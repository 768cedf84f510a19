import { errorText, FuruError } from "../errors.ts";
import { longSha256 } from "../hash.ts";

/**
 * Computes the SHA-256 of a file, read in pieces. As a parameter, `file(path)` does more: it remembers the
 * digest, and a result is stored only while the file has that content.
 *
 * @param path A path or a `file:` URL.
 * @returns 64 hex digits.
 * @throws {FuruError} If the file cannot be read: names it and the cause.
 */
export async function digest(path: string | URL): Promise<string> {
  try {
    return await fileSha256(path);
  } catch (cause) {
    throw new FuruError(`Cannot compute the digest of file '${path}': ${errorText(cause)}`, { cause });
  }
}

/** The SHA-256 of a file, read in pieces; what the system says is thrown as it is. */
export async function fileSha256(path: string | URL): Promise<string> {
  const hash = longSha256();
  using file = await Deno.open(path);
  const buffer = new Uint8Array(1 << 18);
  for (let count; (count = await file.read(buffer)) !== null;) hash.update(buffer.subarray(0, count));
  return hash.digest("hex");
}
