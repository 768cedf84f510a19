import { z } from "zod";
import { hashOfIdentity } from "../core/canonical.ts";
import { StoreError } from "../core/errors.ts";
import type { Owner } from "../core/machine.ts";
import type { ArtifactKey } from "./layout.ts";

/** Version of all records; a change of their form is a new number, and old records stay readable. */
export const RECORD_SCHEMA = 1;

const attemptId = z.string().regex(/^[0-9a-z]{1,40}$/);

/** A process, as records name it. */
export const ownerSchema: z.ZodType<Owner> = z.object({
  host: z.string(),
  boot: z.string().exactOptional(),
  pidNamespace: z.string().exactOptional(),
  pid: z.int(),
  start: z.string().exactOptional(),
  user: z.string().exactOptional(),
});

const slurmJob = z.object({
  /** Its id. */
  jobId: z.string(),
  /** Its name: unique for ever, where ids are used again. */
  name: z.string(),
  /** How often Slurm has begun it again. */
  restarts: z.int().nonnegative(),
  /** The cluster it is on, where that is known: others do not know its id. */
  cluster: z.string().exactOptional(),
});

const successRecord = z.object({
  schema: z.literal(RECORD_SCHEMA),
  /** The identity whose hash is the file's name. */
  identity: z.looseObject({ scheme: z.int(), task: z.string() }),
  attempt: z.int().positive(),
  id: attemptId,
  /** The run that made it: what "forced once per run" asks for. */
  run: z.string().exactOptional(),
  /** Does the attempt's folder belong to the result? */
  files: z.boolean(),
  /** Name of the file in the attempt's folder that holds the value, when it is not inline. */
  valueFile: z.string().exactOptional(),
  value: z.unknown().optional(),
  /** What is kept of the artifacts in the value, and of all below them, by hash. */
  artifacts: z.record(z.string(), z.unknown()).exactOptional(),
  /** Name of the file in the attempt's folder that holds the same, when it is not inline. */
  artifactsFile: z.string().exactOptional(),
  /** Folders of other artifacts' attempts that the value names, as seen from the store's: it is worth nothing without. */
  uses: z.array(z.string()).exactOptional(),
  createdAt: z.string(),
  durationMs: z.number(),
  provenance: z.record(z.string(), z.unknown()),
});

const claimRecord = z.object({
  schema: z.literal(RECORD_SCHEMA),
  id: attemptId,
  attempt: z.int().positive(),
  owner: ownerSchema,
  /** Who computes: `get`, `local`, or a Slurm backend. */
  backend: z.string(),
  run: z.string().exactOptional(),
  worker: z.string().exactOptional(),
  /** The Slurm job that it is computed in. */
  slurm: slurmJob.exactOptional(),
  startedAt: z.string(),
  leaseSec: z.number().positive(),
});

const endRecord = z.object({
  schema: z.literal(RECORD_SCHEMA),
  id: attemptId,
  attempt: z.int().positive(),
  kind: z.enum(["failed", "crashed", "preempted"]),
  /** What a failed attempt's failure counts as. */
  failure: z.enum(["compute", "protocol", "lost"]).exactOptional(),
  /** Trying again cannot help. */
  lasting: z.literal(true).exactOptional(),
  error: z.string(),
  stack: z.string().exactOptional(),
  run: z.string().exactOptional(),
  owner: ownerSchema,
  startedAt: z.string(),
  endedAt: z.string(),
});

/** The Slurm job that an attempt is made in. */
export type SlurmJob = z.output<typeof slurmJob>;
/** A result, and where it comes from. */
export type SuccessRecord = z.output<typeof successRecord>;
/** Who computes an artifact now. */
export type ClaimRecord = z.output<typeof claimRecord>;
/** How an attempt ended that did not succeed. */
export type EndRecord = z.output<typeof endRecord>;

/** A Slurm job, as records name it. */
export const slurmJobSchema: z.ZodType<SlurmJob> = slurmJob;

/**
 * Reads a success record.
 *
 * @throws {StoreError} naming the file, when it is truncated, of another version, or not the key's own.
 */
export function parseSuccessRecord(text: string, path: string, key: ArtifactKey): SuccessRecord {
  const record = parseRecord(successRecord, text, path, "success record");
  const hash = record.identity.task === key.name ? hashOfIdentity(record.identity) : undefined;
  if (hash !== key.hash) {
    throw new StoreError(
      `Cannot use success record ${path}: its identity ${
        hash ? `hashes to ${hash}` : `is of task '${record.identity.task}'`
      }, not to the file's name; nothing was changed, look at the file and move it away`,
    );
  }
  return record;
}

/** Reads a claim. @throws {StoreError} naming the file. */
export function parseClaimRecord(text: string, path: string): ClaimRecord {
  return parseRecord(claimRecord, text, path, "claim");
}

/** Reads how an attempt ended. @throws {StoreError} naming the file. */
export function parseEndRecord(text: string, path: string): EndRecord {
  return parseRecord(endRecord, text, path, "end of an attempt");
}

function parseRecord<T extends z.ZodType>(schema: T, text: string, path: string, what: string): z.output<T> {
  const refuse = (reason: string, cause?: unknown): StoreError =>
    new StoreError(
      `Cannot use ${what} ${path}: ${reason}; nothing was changed, look at the file and move it away`,
      {
        cause,
      },
    );
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw refuse(text === "" ? "it is empty" : "it is truncated or not JSON", error);
  }
  const version = (json as { schema?: unknown } | null)?.schema;
  if (version !== RECORD_SCHEMA) {
    throw refuse(`it has schema version ${Deno.inspect(version)}, this furu reads ${RECORD_SCHEMA}`);
  }
  const parsed = schema.safeParse(json);
  if (!parsed.success) throw refuse(z.prettifyError(parsed.error).replaceAll("\n", " "), parsed.error);
  return parsed.data;
}
