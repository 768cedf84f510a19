import { z } from "zod";
import type { Shortage } from "../core/attempt_end.ts";
import type { Machine, Owner } from "../core/system/machine.ts";
import { ownerSchema, type SlurmJob, slurmJobSchema } from "../store/record.ts";

/** Who a worker is: the file whose mtime is its heartbeat. Its contents never change. */
export interface WorkerRecord {
  /** Version of this form. */
  schema: 1;
  /** Never used again; see {@link newWorkerId}. */
  id: string;
  /** The spec of the tasks that it takes. */
  spec: string;
  /** The node that it runs on. */
  node: string;
  /** Its process. */
  owner: Owner;
  /** The key by which its launcher knows it. */
  job?: string;
  /** The Slurm job that it runs in. */
  slurm?: SlurmJob;
  /** How many tasks it computes at the same time. */
  slots: number;
  /** Seconds that it stays alive without a heartbeat. */
  leaseSec: number;
  /** When it began, as ISO 8601 by its own clock. */
  startedAt: string;
  /** When it has to end, as ISO 8601 by its own clock, for people. */
  endsAt?: string;
}

/** How a worker ended, as somebody judged. */
export interface WorkerEnd {
  /** Version of this form. */
  schema: 1;
  /** The worker. */
  id: string;
  /** What the failures of its tasks count as; `silent`: it never gave a sign of life. */
  kind: "compute" | "lost" | "silent";
  /** What its job had too little of, where the scheduler says so. */
  lack?: Shortage;
  /** The evidence, for people. */
  why: string;
  /** When it was judged, as ISO 8601, for people. */
  at: string;
  /** Who it was, where that could be read. */
  worker?: WorkerRecord;
}

/** The form of a worker's record. */
export const workerRecordSchema: z.ZodType<WorkerRecord> = z.object({
  schema: z.literal(1),
  id: z.string(),
  spec: z.string(),
  node: z.string(),
  owner: ownerSchema,
  job: z.string().exactOptional(),
  slurm: slurmJobSchema.exactOptional(),
  slots: z.int().positive(),
  leaseSec: z.number().positive(),
  startedAt: z.string(),
  endsAt: z.string().exactOptional(),
});

/** The form of a worker's end. */
export const workerEndSchema: z.ZodType<WorkerEnd> = z.object({
  schema: z.literal(1),
  id: z.string(),
  kind: z.enum(["compute", "lost", "silent"]),
  lack: z.enum(["memory", "time"]).exactOptional(),
  why: z.string(),
  at: z.string(),
  worker: workerRecordSchema.exactOptional(),
});

/** A new worker's id: host, pid, Slurm job and a random part, without dots. */
export function newWorkerId({ self, randomId }: Machine, slurm?: SlurmJob): string {
  const word = (text: string): string => text.replace(/[^A-Za-z0-9]+/g, "-").slice(0, 60);
  const job = slurm === undefined ? [] : [`j${word(slurm.jobId)}`];
  return [word(self.host) || "host", self.pid, ...job, randomId()].join("-");
}
