import { concat } from "@std/bytes/concat";

/** A file of the archive. */
export interface ArchiveFile {
  /** Its path, relative to the folder that is unpacked into. */
  path: string;
  /** Its contents. */
  bytes: Uint8Array;
  /**
   * Whether it may be run as a program.
   *
   * @default {false}
   */
  executable?: boolean;
}

/**
 * Files in one: a line of JSON with paths and sizes, then all contents one after another. The order does not
 * matter.
 */
export function archiveOf(files: readonly ArchiveFile[]): Uint8Array<ArrayBuffer> {
  const sorted = files.toSorted((a, b) => a.path < b.path ? -1 : 1);
  const index = sorted.map(({ path, bytes, executable = false }) => [path, bytes.length, executable ? 1 : 0]);
  return concat([
    new TextEncoder().encode(`${JSON.stringify(index)}\n`),
    ...sorted.map(({ bytes }) => bytes),
  ]);
}

/**
 * Takes an archive apart on the machine where a packed program starts for the first time. It is plain
 * JavaScript, run by the Deno that came with it. It checks the archive's digest. Exit code 3: the file is
 * damaged. It also removes the unpacked files of other programs that have not been used for a month, since it
 * is adding more.
 */
export const UNPACK_CODE: string = `
const [file, offset, length, digest, folder] = Deno.args;
const read = (handle, at, count) => {
  const bytes = new Uint8Array(count);
  handle.seekSync(at, Deno.SeekMode.Start);
  for (let done = 0; done < count;) {
    const more = handle.readSync(bytes.subarray(done));
    if (more === null) Deno.exit(3);
    done += more;
  }
  return bytes;
};
const sha256 = async (bytes) => {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
};
const handle = Deno.openSync(file);
const archive = read(handle, Number(offset), Number(length));
if (await sha256(archive) !== digest) Deno.exit(3);
let at = archive.indexOf(10) + 1;
const index = JSON.parse(new TextDecoder().decode(archive.subarray(0, at)));
const made = new Set();
try {
  for (const [path, size, executable] of index) {
    const to = folder + "/" + path;
    const parent = to.slice(0, to.lastIndexOf("/"));
    if (!made.has(parent)) Deno.mkdirSync(parent, { recursive: true });
    made.add(parent);
    Deno.writeFileSync(to, archive.subarray(at, at += size), { mode: executable ? 0o755 : 0o644 });
  }
} catch (error) {
  console.error(error.message);
  Deno.exit(1);
}
const now = new Date();
const base = folder.split("/").slice(0, -2).join("/");
const deno = Deno.execPath();
const denoFolder = deno.slice(0, deno.lastIndexOf("/"));
// A Deno that older programs have brought is used again from now on.
for (const path of [denoFolder + "/complete", deno]) {
  try {
    Deno.utimeSync(path, now, now);
  } catch { /* it may not be ours to change */ }
}
for (const { name } of Deno.readDirSync(base)) {
  const path = base + "/" + name;
  // What others were about to unpack or to remove when they were killed.
  const isLeft = /^[.](code|deno|old)-/.test(name);
  if (!isLeft && !/^(code|deno)-/.test(name) || path === denoFolder) continue;
  try {
    // Each day that a program is used it makes its files younger.
    const { mtime } = Deno.statSync(isLeft ? path : path + "/complete");
    if (now - mtime < (isLeft ? 1 : 30) * 86400000) continue;
    const old = Deno.makeTempDirSync({ dir: base, prefix: ".old-" });
    Deno.renameSync(path, old + "/it");
    Deno.removeSync(old, { recursive: true });
  } catch { /* somebody else removes it */ }
}
`;
