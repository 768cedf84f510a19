import { z } from "zod";
import { join } from "@std/path/posix/join";
import { relative } from "@std/path/posix/relative";
import { toFileUrl } from "@std/path/posix/to-file-url";
import { pathOf } from "../core/paths.ts";
import { StoreError } from "../core/errors.ts";
import { readJson } from "../store/json_file.ts";
import type { Store } from "../store/store.ts";

/** The form of {@link SnapshotRef}, for `run.json`. */
export const snapshotRefSchema: z.ZodType<SnapshotRef> = z.object({
  id: z.string(),
  digest: z.string(),
  base: z.string(),
});

/** Names the snapshot that a run uses. */
export interface SnapshotRef {
  /** Name of its folder below `snapshots/` of the store: the digest, and where the code is. */
  id: string;
  /** The digest of the code: the same for the same files, wherever they are. 32 hex digits. */
  digest: string;
  /** The folder, at the time, that the snapshot stands for. */
  base: string;
}

/**
 * What decides beside the modules' own files how their imports are resolved: what Deno was told on its
 * command line.
 */
export interface Resolution {
  /**
   * Path of the configuration; `null` for none.
   *
   * @default {the one nearest to the first module}
   */
  config?: string | null | undefined;
  /**
   * The folder whose package.json says what names stand for, where no configuration does.
   *
   * @default {none}
   */
  packageFolder?: string | undefined;
  /**
   * Path of the import map.
   *
   * @default {what the configuration says}
   */
  importMap?: string | undefined;
  /**
   * Other options that change it.
   *
   * @default {none}
   */
  options?: readonly string[];
}

/** The form of {@link Manifest}. */
export const manifestSchema: z.ZodType<Manifest> = z.object({
  schema: z.literal(1),
  digest: z.string(),
  base: z.string(),
  roots: z.array(z.string()),
  resolution: z.object({
    config: z.string().nullable().exactOptional(),
    importMap: z.string().exactOptional(),
    packageFolder: z.string().exactOptional(),
    options: z.array(z.string()).exactOptional(),
  }).exactOptional(),
  files: z.record(z.string(), z.string()),
});

/** The `snapshot.json` of a snapshot: all that it holds. */
export interface Manifest {
  /** Version of this form. */
  schema: 1;
  /** As in {@link SnapshotRef}. */
  digest: string;
  /** As in {@link SnapshotRef}. */
  base: string;
  /** The modules that were asked for, as paths below `base`; the run's entry is the first. */
  roots: string[];
  /** The options of Deno, where they were not what it finds by itself. */
  resolution?: Resolution;
  /** SHA-256 of each file by its path below `base`. */
  files: Record<string, string>;
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

/**
 * Reads the manifest of a snapshot; `undefined` where there is none of that id.
 *
 * @throws {StoreError} If the file is damaged, which it names.
 */
export async function readManifest(store: Store, id: string): Promise<Manifest | undefined> {
  const { manifest } = snapshotPaths(store.root, id);
  const read = await readJson(store, manifest, manifestSchema);
  if (read && "fault" in read) {
    throw new StoreError(`Cannot read ${manifest}: ${read.fault}`, { cause: read.cause });
  }
  return read?.value;
}
