import { z } from "zod";
import type { Resolution } from "./current_code.ts";

/** The form of {@link SnapshotRef}, for `run.json`. */
export const snapshotRefSchema: z.ZodType<SnapshotRef> = z.object({
  id: z.string(),
  digest: z.string(),
  base: z.string(),
});

/** Which snapshot a run uses. */
export interface SnapshotRef {
  /** Name of its folder below `snapshots/` of the store: the digest, and where the code is. */
  id: string;
  /** The digest of the code: the same for the same files, wherever they are. 32 hex digits. */
  digest: string;
  /** The folder, at the time, that the snapshot stands for. */
  base: string;
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

/** What a snapshot holds: its `snapshot.json`. */
export interface Manifest {
  /** Version of this form. */
  schema: 1;
  /** As in {@link SnapshotRef}. */
  digest: string;
  /** As in {@link SnapshotRef}. */
  base: string;
  /** The modules that were asked for, as paths below `base`; the run's entry is the first. */
  roots: string[];
  /** What Deno was told beside, where that was not what it finds by itself. */
  resolution?: Resolution;
  /** SHA-256 of each file by its path below `base`. */
  files: Record<string, string>;
}
