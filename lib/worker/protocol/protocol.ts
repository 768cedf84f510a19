import type { AttemptEnd } from "../../core/attempt_end.ts";

/** One artifact as a message carries it: enough to make it again, without parsing its parameters again. */
export interface ArtifactPayload {
  /** URL of the module that called `defineTask`, where known. */
  module?: string | undefined;
  /** The task's name. */
  name: string;
  /**
   * The parsed parameters as canonical JSON, artifacts in them by reference; of a kept one what is known of
   * it.
   */
  params: string;
  /** Whether it can only be loaded where it comes from. */
  kept?: true | undefined;
}

/** The first line that a computing process sends. */
export interface Hello {
  type: "hello";
  v: number;
  /** Which process it is, as its supervisor named it. */
  token: string;
  pid: number;
}

interface PayloadMembers {
  /** Artifacts that are needed for tasks, and that this process was not sent before, by hash. */
  artifacts: Record<string, ArtifactPayload>;
  /** The parameters of an artifact begin with these: those of its payload go on where the last one ends. */
  parts?: { hash: string; params: string }[] | undefined;
  /** Forget all artifacts that were sent before this message. */
  forget?: boolean | undefined;
}

/** What the computing process of a job in DAG mode sees to by itself, before it begins. */
export interface JobTask {
  /** The run's folder, with what is needed to make artifacts again. */
  dir: string;
  /** The job's name: it is written down as queued for the artifact, which ends with the claim. */
  queued: string;
}

/** An attempt to make. */
export interface TaskMessage extends PayloadMembers {
  type: "task";
  /** Number of the task, unique in its process. */
  id: number;
  /** URL of the module that the run was started with. */
  entry?: string | undefined;
  /** Hash of the artifact to compute. */
  root: string;
  /** The name of its task. */
  name: string;
  /** `n` for people, `id` for the files. */
  attempt: { n: number; id: string };
  /** The folder of the attempt's owner file, for private names. */
  ownerDir: string;
  /**
   * The number of the owner file: the process claims with it itself, and gives the claim back when the result
   * is there. Without it the claim is held already.
   */
  ino?: number | undefined;
  /** In DAG mode, besides: all else that has to be there before it begins. */
  job?: JobTask | undefined;
  /** The run that this attempt belongs to. */
  run?: string | undefined;
  /** The spec of the worker. */
  spec: string;
  /** Which backend runs it, for records. */
  backend: string;
  /** Id of the attempt whose result is to be replaced. */
  replace?: string | undefined;
  /** Milliseconds until it will be told to end, at the least; none where nothing ends it. */
  leftMs?: number | undefined;
  /** A mark to print after the task, which tells its output from the next one's. */
  mark: string;
}

/** What comes before a task's own message: what it needs that is too much for one. */
export interface ArtifactsMessage extends PayloadMembers {
  type: "artifacts";
}

/** A message of the supervisor. */
export type SupervisorMessage =
  | { type: "configure"; v: number; config?: unknown }
  | TaskMessage
  | ArtifactsMessage
  // Sent again when what is left until its process is killed has changed.
  | { type: "abort"; id: number; reason: string; limit: boolean; leftMs: number }
  // It is not to be begun, if it was not yet.
  | { type: "drop"; id: number }
  | { type: "stop" };

/** A message of a computing process after its hello. */
export type ChildMessage =
  | { type: "progress"; id: number; fraction: number; message?: string | undefined }
  | {
    type: "ended";
    id: number;
    end: AttemptEnd;
    /** Whether a stop signal reached the process meanwhile, or ended a program that the task ran. */
    signalled: boolean;
    /** Whether the mark was printed. */
    marked: boolean;
    /** The process must not be given another task. */
    replaceMe: boolean;
    /** Its memory in bytes. */
    rss?: number | undefined;
  }
  /**
   * No attempt was begun: the artifact is somebody else's, is there already, or has been tried before; or the
   * process takes no more tasks, or was told not to begin it. Nothing of it is left.
   */
  | {
    type: "declined";
    id: number;
    /** Whether its mark was printed. */
    marked: boolean;
    /** The process must not be given another task. */
    replaceMe: boolean;
  }
  /** For the user, of an attempt that goes on. */
  | { type: "warning"; id: number; text: string }
  /** An error of an attempt that had ended: text for that one's log. */
  | { type: "floating"; id: number; text: string };
