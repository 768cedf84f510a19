import { join } from "@std/path/posix/join";
import { relative } from "@std/path/posix/relative";
import { toFileUrl } from "@std/path/posix/to-file-url";
import { pathOf } from "../core/paths.ts";

/** Names the snapshot that a run uses. */
export interface SnapshotRef {
  /** Name of its folder below `snapshots/` of the store: the digest, and where the code is. */
  id: string;
  /** The digest of the code: the same for the same files, wherever they are. 32 hex digits. */
  digest: string;
  /** The folder, at the time, that the snapshot stands for. */
  base: string;
}

/** The places of a snapshot. */
export interface SnapshotPaths {
  /** Its folder. */
  readonly dir: string;
  /** Its `snapshot.json`: see {@link Manifest}. */
  readonly manifest: string;
  /** Its time of change says when a run took it last that was not the first. */
  readonly used: string;
  /** The project's folder as it was: what workers import from. */
  readonly code: string;
}

/** The folder with all snapshots of a store. */
export function snapshotsDir(root: string): string {
  return join(root, "snapshots");
}

/** The folder with the contents of all files of all snapshots, each once, named by their SHA-256. */
export function contentsDir(root: string): string {
  return join(root, "snapshots", "files");
}

/** The places of the snapshot of that id. */
export function snapshotPaths(root: string, id: string): SnapshotPaths {
  const dir = join(root, "snapshots", id);
  return { dir, manifest: join(dir, "snapshot.json"), used: join(dir, "used"), code: join(dir, "code") };
}

/**
 * The URL of a module in a snapshot.
 *
 * @param root The store's folder, as it is seen from here.
 * @param ref The snapshot; without one nothing is elsewhere.
 * @param url URL of the module, or a path.
 * @returns The URL that was given for what is not below the snapshot's folder.
 */
export function snapshotUrl(root: string, ref: SnapshotRef | undefined, url: string): string {
  if (ref === undefined) return url;
  const path = pathOf(url);
  const inside = path.startsWith("/") ? relative(ref.base, path) : "..";
  if (inside === ".." || inside.startsWith("../")) return url;
  return toFileUrl(join(snapshotPaths(root, ref.id).code, inside)).href;
}
