import { join } from "@std/path/posix/join";
import { relative } from "@std/path/posix/relative";
import { toFileUrl } from "@std/path/posix/to-file-url";
import { pathOf } from "../core/paths.ts";
import type { SnapshotRef } from "./manifest.ts";

/** Where everything of a snapshot is. */
export interface SnapshotPaths {
  /** Its folder. */
  readonly dir: string;
  /** What it holds: `snapshot.json`. */
  readonly manifest: string;
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

/** Where everything of a snapshot is. */
export function snapshotPaths(root: string, id: string): SnapshotPaths {
  const dir = join(root, "snapshots", id);
  return { dir, manifest: join(dir, "snapshot.json"), code: join(dir, "code") };
}

/**
 * Where a module is in a snapshot.
 *
 * @param root The store's folder, as it is seen from here.
 * @param ref The snapshot; without one nothing is elsewhere.
 * @param url URL of the module, or a path.
 * @returns Its URL in the snapshot; the one that was given for what is not below the snapshot's folder.
 */
export function snapshotUrl(root: string, ref: SnapshotRef | undefined, url: string): string {
  if (ref === undefined) return url;
  const path = pathOf(url);
  const inside = path.startsWith("/") ? relative(ref.base, path) : "..";
  if (inside === ".." || inside.startsWith("../")) return url;
  return toFileUrl(join(snapshotPaths(root, ref.id).code, inside)).href;
}
