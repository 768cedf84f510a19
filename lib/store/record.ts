import { z } from "zod";
import { causes, StoreError } from "../core/errors.ts";
import { hashOfIdentity } from "../core/json/canonical.ts";
import { crc32 } from "../core/json/crc32.ts";
import { isHash } from "../core/hash.ts";
import type { Owner } from "../core/system/machine.ts";
import { type ArtifactKey, RECORD_SCHEMA } from "./layout.ts";

const attemptId = z.lazy(() => z.string().regex(/^[0-9a-z]{1,40}$/));

/** A process, as records name it. */
export const ownerSchema: z.ZodType<Owner> = z.lazy(() =>
  z.object({
    host: z.string(),
    boot: z.string().exactOptional(),
    pidNamespace: z.string().exactOptional(),
    pid: z.int(),
    start: z.string().exactOptional(),
    user: z.string().exactOptional(),
    uid: z.int().nonnegative().exactOptional(),
  })
);

const slurmJob = z.lazy(() =>
  z.object({
    /** Its id. */
    jobId: z.string(),
    /** Its name: unique for ever, where ids are used again. */
    name: z.string(),
    /** How often Slurm has begun it again. */
    restarts: z.int().nonnegative(),
    /** The cluster it is on, where that is known: others do not know its id. */
    cluster: z.string().exactOptional(),
  })
);

const named = { name: z.string(), hash: z.string().refine(isHash, "must be 32 hex digits") };

const lack = z.lazy(() =>
  z.object({
    /** The artifact that failed for good, or could never be computed. */
    ...named,
    /** Why, as its latest attempt, or those below it, say. */
    error: z.string(),
    /** Where it never had an attempt that failed: what failed below it. */
    because: z.array(z.object(named)).exactOptional(),
    /** What is stored of it and cannot be used: the id of that attempt. */
    damaged: z.string().exactOptional(),
    /** The partial artifact that the value was made of, where it is that one that went without. */
    through: z.object(named).exactOptional(),
  })
);

const successRecord = z.lazy(() =>
  z.object({
    schema: z.literal(RECORD_SCHEMA),
    /** The identity whose hash is the file's name. */
    identity: z.looseObject({ scheme: z.int(), task: z.string() }),
    attempt: z.int().positive(),
    id: attemptId,
    /** The run that made it: what "forced once per run" asks for. */
    run: z.string().exactOptional(),
    /** What the value was made without; absent where nothing was missing. */
    partial: z.array(lack).exactOptional(),
    /** Whether the attempt's folder belongs to the result. */
    files: z.boolean(),
    /** Name of the file in the attempt's folder that holds the value, when it is not inline. */
    valueFile: z.string().exactOptional(),
    value: z.unknown().optional(),
    /** What is kept of the artifacts in the value, and of all below them, by hash. */
    artifacts: z.record(z.string(), z.unknown()).exactOptional(),
    /** Name of the file in the attempt's folder that holds the same, when it is not inline. */
    artifactsFile: z.string().exactOptional(),
    /**
     * Folders of other artifacts' attempts that the value names, as seen from the store's: it is worth
     * nothing without.
     */
    uses: z.array(z.string()).exactOptional(),
    /** The artifact whose result this was before it was migrated. */
    migratedFrom: z.object({ name: z.string(), hash: z.string() }).exactOptional(),
    /** Who migrated it, and when. */
    migratedBy: z.object({
      at: z.string(),
      furu: z.string(),
      host: z.string(),
      user: z.string().exactOptional(),
    }).exactOptional(),
    createdAt: z.string(),
    durationMs: z.number(),
    provenance: z.record(z.string(), z.unknown()),
    /**
     * Sizes of the regular files in the attempt's folder by their path in it; absent where there are very
     * many.
     */
    sizes: z.record(z.string(), z.int().nonnegative()).exactOptional(),
    /** How many files there are, and bytes in them, where there are too many to name each. */
    total: z.object({ files: z.int(), bytes: z.int() }).exactOptional(),
    /**
     * CRC-32 of the record's text without this member, which is the last. Records of before 2026-12
     * have none.
     */
    sum: z.string().exactOptional(),
  })
);

const claimRecord = z.lazy(() =>
  z.object({
    schema: z.literal(RECORD_SCHEMA),
    id: attemptId,
    /** The folder of the owner file, as seen from the store's: says whether its process was declared dead. */
    dir: z.string().regex(/^(?:artifacts\/(?:[^./][^/]*\/)+\.)?owners\/[0-9a-z]{1,40}$/).exactOptional(),
    owner: ownerSchema,
    /** Who computes: `get`, `local`, or a Slurm backend. */
    backend: z.string(),
    run: z.string().exactOptional(),
    worker: z.string().exactOptional(),
    /** The Slurm job that it is computed in. */
    slurm: slurmJob.exactOptional(),
    startedAt: z.string(),
    leaseSec: z.number().positive(),
  })
);

const endRecord = z.lazy(() =>
  z.object({
    schema: z.literal(RECORD_SCHEMA),
    id: attemptId,
    attempt: z.int().positive(),
    kind: z.enum(["failed", "crashed", "preempted"]),
    /** What a failed attempt's failure counts as. */
    failure: z.enum(["compute", "protocol", "lost"]).exactOptional(),
    /** Trying again cannot help. */
    lasting: z.literal(true).exactOptional(),
    /** What it had too little of, by the evidence. */
    lack: z.enum(["memory", "time"]).exactOptional(),
    /** The time of its job was up, as was planned: that is no loss that counts. */
    planned: z.literal(true).exactOptional(),
    error: z.string(),
    stack: z.string().exactOptional(),
    run: z.string().exactOptional(),
    /** The parameters that count, as in the artifact's identity: for people, without its module. */
    params: z.unknown().optional(),
    /** The spec of the attempt. */
    spec: z.string().exactOptional(),
    owner: ownerSchema,
    startedAt: z.string(),
    endedAt: z.string(),
    /** What the attempt took, where that is known: `startedAt` is when its process began to claim. */
    durationMs: z.number().nonnegative().exactOptional(),
    /** Seconds of processor time, programs that it waited for included. */
    cpuSec: z.number().nonnegative().exactOptional(),
    /** The seconds among them of those programs. */
    programsCpuSec: z.number().nonnegative().exactOptional(),
    peakMemoryBytes: z.number().nonnegative().exactOptional(),
  })
);

/** The Slurm job that an attempt is made in. */
export type SlurmJob = z.output<typeof slurmJob>;
/** An artifact that a partial value was made without. */
export type Lack = z.output<typeof lack>;
/** A result, and where it comes from. */
export type SuccessRecord = z.output<typeof successRecord>;
/** Who computes an artifact now: what an owner file says, and each claim that is a link to it. */
export type ClaimRecord = z.output<typeof claimRecord>;
/** How an attempt ended that did not succeed. */
export type EndRecord = z.output<typeof endRecord>;

/** A Slurm job, as records name it. */
export const slurmJobSchema: z.ZodType<SlurmJob> = slurmJob;

/**
 * The file is not what was written, or not of this artifact: nobody can use it, and nothing is lost by
 * replacing it.
 */
export class DamagedError extends StoreError {
  /** What is wrong with which file. */
  readonly what: string;

  /** @param what What is wrong with which file; the message says besides that somebody has to look at it. */
  constructor(what: string, options: { cause?: unknown } = {}) {
    super(
      `Cannot use what is stored: ${what}; nothing was changed, look at the file and move it away`,
      options,
    );
    this.what = what;
  }
}

/** A record of a newer version of furu: it is good, and this furu cannot read it. */
export class NewerError extends StoreError {
  /** @param what What kind of record it is. */
  constructor(what: string, path: string, version: number) {
    super(
      `Cannot use ${what} ${path}: it has schema version ${version}, this furu reads ${RECORD_SCHEMA}; ` +
        `a newer furu made it: use that one, or move the file away`,
    );
  }
}

/** Whether an error says that what is stored of an artifact is damaged. */
export function isDamage(error: unknown): boolean {
  return [...causes(error)].some((each) => each instanceof DamagedError);
}

// As an error of furu's own is marked which trying again cannot change.
for (const { prototype } of [DamagedError, NewerError]) {
  Object.defineProperty(prototype, Symbol.for("furu.lasting"), { value: true });
}

const SUM = /,"sum":"([0-9a-f]{8})"\}\s*$/;

/** The text of a success record with its checksum as the last member. */
export function withSum(text: string): string {
  return `${text.slice(0, -1)},"sum":"${crc32(text)}"}`;
}

/**
 * Reads a success record.
 *
 * @param identity The artifact's identity as canonical JSON, where it is known: to compare it costs less than
 * to hash.
 * @throws {DamagedError} If it is truncated, edited, or not the key's own.
 * {@link NewerError} when it is of a newer furu.
 */
export function parseSuccessRecord(
  text: string,
  path: string,
  key: ArtifactKey,
  identity?: string,
): SuccessRecord {
  const record = parseRecord(successRecord, text, path, "success record");
  const sum = isSummedUp(text);
  if (sum === false || (sum === undefined && record.sum !== undefined)) {
    throw new DamagedError(
      `success record ${path} has been changed since it was written (its checksum differs)`,
    );
  }
  if (identity && text.startsWith(identity, HEAD.length) && text.startsWith(HEAD)) return record;
  const hash = record.identity.task === key.name ? hashOfIdentity(record.identity) : undefined;
  if (hash !== key.hash) {
    throw new DamagedError(
      `success record ${path} is not of this artifact: its identity ${
        hash ? `hashes to ${hash}, not to the file's name` : `is of task '${record.identity.task}'`
      }`,
    );
  }
  return record;
}

/**
 * Whether this is without doubt the artifact's record, as it was written, and of no files. What is not so
 * plain is for {@link parseSuccessRecord}: this is for the many that are looked at and not read.
 *
 * @param identity The artifact's identity as canonical JSON.
 */
export function isPlainlyGood(text: string, identity: string): boolean {
  const after = HEAD.length + identity.length;
  return text.startsWith(HEAD) && text.startsWith(identity, HEAD.length) &&
    NO_FILES.test(text.slice(after, after + 300)) && isSummedUp(text) === true;
}

/** Whether the checksum at the end of a record stands for what comes before; nothing where there is none. */
export function isSummedUp(text: string): boolean | undefined {
  const sum = SUM.exec(text.slice(-100))?.[1];
  if (sum === undefined) return undefined;
  return crc32(`${text.slice(0, text.lastIndexOf(',"sum":"'))}}`) === sum;
}

const NO_FILES = /^,"attempt":\d+,"id":"[0-9a-z]+",(?:"run":"[^"\\]*",)?"files":false,/;

/** How every success record begins. */
const HEAD: string = `{"schema":${RECORD_SCHEMA},"identity":`;

const anySuccess = z.lazy(() => z.object({ identity: z.looseObject({}) }));

/**
 * Whether this is a success record, of whatever value: the name of an attempt's end may be one more of its
 * record.
 */
export function isSuccessRecord(text: string): boolean {
  return "value" in parseJson(text, anySuccess);
}

/**
 * Reads a claim.
 *
 * @throws {StoreError} naming the file.
 */
export function parseClaimRecord(text: string, path: string): ClaimRecord {
  return parseRecord(claimRecord, text, path, "claim");
}

/**
 * Reads how an attempt ended.
 *
 * @throws {StoreError} naming the file.
 */
export function parseEndRecord(text: string, path: string): EndRecord {
  return parseRecord(endRecord, text, path, "end of an attempt");
}

function parseRecord<T>(schema: z.ZodType<T>, text: string, path: string, what: string): T {
  const parsed = parseJson(text, schema);
  if ("value" in parsed) return parsed.value;
  const { fault, newer, cause } = parsed;
  if (newer !== undefined) throw new NewerError(what, path, newer);
  throw new DamagedError(`${what} ${path} ${fault.slice("it ".length)}`, { cause });
}

/** What was read, or why it cannot be used. */
export type Parsed<T> =
  | { readonly value: T }
  | Fault;

/** Why a file cannot be used. */
export interface Fault {
  /** In words for people, with "it" for the file. */
  readonly fault: string;
  /** Its version, where a newer furu made it. */
  readonly newer?: number | undefined;
  /** The error behind it. */
  readonly cause?: unknown;
}

/**
 * Zod makes code for a form that it checks by, which takes as long as checking dozens of records without:
 * most processes read few.
 */
const SLOWLY = { jitless: true };
const FIRST = 20;
let read = 0;

/** Reads a text as JSON of a form. */
export function parseJson<T>(text: string, form: z.ZodType<T>): Parsed<T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    return { fault: text === "" ? "it is empty" : "it is truncated or not JSON", cause };
  }
  const version = (json as { schema?: unknown } | null)?.schema;
  if (typeof version === "number" && version !== RECORD_SCHEMA) {
    const newer = version > RECORD_SCHEMA ? version : undefined;
    return { fault: `it has schema version ${version}, this furu reads ${RECORD_SCHEMA}`, newer };
  }
  const parsed = form.safeParse(json, ++read > FIRST ? undefined : SLOWLY);
  if (parsed.success) return { value: parsed.data };
  const { error: cause } = parsed;
  return { fault: `it is not one: ${z.prettifyError(cause).replaceAll("\n", " ")}`, cause };
}
