import { z } from "zod";
import type { AttemptEnd } from "../../core/attempt_end.ts";

/** One artifact as a message carries it: enough to make it again, without parsing its parameters again. */
export const artifactPayloadSchema = z.object({
  /** URL of the module that called `defineTask`, where known. */
  module: z.string().optional(),
  /** The task's name. */
  name: z.string(),
  /**
   * The parsed parameters as canonical JSON, artifacts in them by reference; of a kept one what is known of
   * it.
   */
  params: z.string(),
  /** Whether it can only be loaded where it comes from. */
  kept: z.literal(true).optional(),
});

const used = z.object({
  durationMs: z.number().optional(),
  cpuSec: z.number().optional(),
  programsCpuSec: z.number().optional(),
  peakMemoryBytes: z.number().optional(),
}).optional();

const endSchema: z.ZodType<AttemptEnd> = z.discriminatedUnion("outcome", [
  z.object({ outcome: z.literal("success") }),
  z.object({ outcome: z.literal("superseded") }),
  z.object({ outcome: z.literal("preempted"), reason: z.string(), used }),
  z.object({
    outcome: z.literal("failed"),
    blame: z.enum(["compute", "protocol", "node"]),
    error: z.string(),
    stack: z.string().optional(),
    code: z.string().optional(),
    lasting: z.literal(true).optional(),
    used,
  }),
]);

/** The first line that a computing process sends. */
export const helloSchema = z.object({
  type: z.literal("hello"),
  v: z.number(),
  /** Which process it is, as its supervisor named it. */
  token: z.string(),
  pid: z.int(),
});

const payloadMembers = {
  /** Artifacts that are needed for tasks, and that this process was not sent before, by hash. */
  artifacts: z.record(z.string(), artifactPayloadSchema),
  /** The parameters of an artifact begin with these: those of its payload go on where the last one ends. */
  parts: z.array(z.object({ hash: z.string(), params: z.string() })).optional(),
  /** Forget all artifacts that were sent before this message. */
  forget: z.boolean().optional(),
};

/** An attempt to make. */
const taskMessageSchema = z.object({
  type: z.literal("task"),
  ...payloadMembers,
  /** Number of the task, unique in its process. */
  id: z.int(),
  /** URL of the module that the run was started with. */
  entry: z.string().optional(),
  /** Hash of the artifact to compute. */
  root: z.string(),
  /** The name of its task. */
  name: z.string(),
  /** `n` for people, `id` for the files. */
  attempt: z.object({ n: z.int(), id: z.string() }),
  /** The folder of the attempt's owner file, for private names. */
  ownerDir: z.string(),
  /**
   * The number of the owner file: the process claims with it itself, and gives the claim back when the result
   * is there. Without it the claim is held already.
   */
  ino: z.number().optional(),
  /** The run that this attempt belongs to. */
  run: z.string().optional(),
  /** The spec of the worker. */
  spec: z.string(),
  /** Which backend runs it, for records. */
  backend: z.string(),
  /** Id of the attempt whose result is to be replaced. */
  replace: z.string().optional(),
  /** Milliseconds until it will be told to end, at the least; none where nothing ends it. */
  leftMs: z.number().optional(),
  /** A mark to print after the task, which tells its output from the next one's. */
  mark: z.string(),
});

/** A message of the supervisor. */
export const supervisorMessageSchema = z.discriminatedUnion("type", [
  z.object({ type: z.literal("configure"), v: z.number(), config: z.unknown().optional() }),
  taskMessageSchema,
  // What a task needs that is too much for one message comes before it.
  z.object({ type: z.literal("artifacts"), ...payloadMembers }),
  // Sent again when what is left until its process is killed has changed.
  z.object({
    type: z.literal("abort"),
    id: z.int(),
    reason: z.string(),
    limit: z.boolean(),
    leftMs: z.number(),
  }),
  // It is not to be begun, if it was not yet.
  z.object({ type: z.literal("drop"), id: z.int() }),
  z.object({ type: z.literal("stop") }),
]);

/** A message of a computing process after its hello. */
export const childMessageSchema = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("progress"),
    id: z.int(),
    fraction: z.number(),
    message: z.string().optional(),
  }),
  z.object({
    type: z.literal("ended"),
    id: z.int(),
    end: endSchema,
    /** Whether a stop signal reached the process meanwhile, or ended a program that the task ran. */
    signalled: z.boolean(),
    /** Whether the mark was printed. */
    marked: z.boolean(),
    /** The process must not be given another task. */
    replaceMe: z.boolean(),
    /** Its memory in bytes. */
    rss: z.number().optional(),
  }),
  /**
   * No attempt was begun: the artifact is somebody else's, is there already, or has been tried before; or the
   * process takes no more tasks, or was told not to begin it. Nothing of it is left.
   */
  z.object({
    type: z.literal("declined"),
    id: z.int(),
    /** Whether its mark was printed. */
    marked: z.boolean(),
    /** The process must not be given another task. */
    replaceMe: z.boolean(),
  }),
  /** For the user, of an attempt that goes on. */
  z.object({ type: z.literal("warning"), id: z.int(), text: z.string() }),
  /** An error of an attempt that had ended: text for that one's log. */
  z.object({ type: z.literal("floating"), id: z.int(), text: z.string() }),
]);

/** One artifact as a message carries it. */
export type ArtifactPayload = z.infer<typeof artifactPayloadSchema>;
/** The first line of a connection. */
export type Hello = z.infer<typeof helloSchema>;
/** An attempt to make. */
export type TaskMessage = z.infer<typeof taskMessageSchema>;
/** What comes before a task's own message. */
export type ArtifactsMessage = Extract<SupervisorMessage, { type: "artifacts" }>;
/** A message of the supervisor. */
export type SupervisorMessage = z.infer<typeof supervisorMessageSchema>;
/** A message of a computing process after its hello. */
export type ChildMessage = z.infer<typeof childMessageSchema>;

/**
 * Reads a message of a computing process. What is said after each task that succeeded is known by its looks:
 * to check it all takes longer than a tiny task.
 *
 * @throws {Error} for what is no such message.
 */
export function parseChildMessage(line: string): ChildMessage {
  const message = JSON.parse(line);
  const isPlain = message?.type === "ended" && message.end?.outcome === "success" &&
    Number.isSafeInteger(message.id);
  return isPlain ? message : childMessageSchema.parse(message);
}
