import { z } from "zod";
import { StoreError } from "../core/errors.ts";
import { readJson } from "../store/json_file.ts";
import type { Store } from "../store/store.ts";
import { snapshotPaths, type SnapshotRef } from "./places.ts";

/** The form of {@link SnapshotRef}, for `run.json`. */
export const snapshotRefSchema: z.ZodType<SnapshotRef> = z.object({
  id: z.string(),
  digest: z.string(),
  base: z.string(),
});

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
