/** A file of the archive. */
export interface ArchiveFile {
  /** Where it goes, relative to the folder that is unpacked into. */
  path: string;
  /** What is in it. */
  bytes: Uint8Array<ArrayBuffer>;
  /** May it be run as a program? @default false */
  executable?: boolean;
}

/** Files in one: a line of JSON with paths and sizes, then all contents one after another. The order does not matter. */
export function archiveOf(files: readonly ArchiveFile[]): Uint8Array<ArrayBuffer> {
  const sorted = files.toSorted((a, b) => a.path < b.path ? -1 : 1);
  const index = sorted.map(({ path, bytes, executable = false }) => [path, bytes.length, executable ? 1 : 0]);
  return concat([
    new TextEncoder().encode(`${JSON.stringify(index)}\n`),
    ...sorted.map(({ bytes }) => bytes),
  ]);
}

/** Bytes one after another. */
export function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The SHA-256 of bytes, as 64 hex digits. */
export async function sha256Bytes(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
