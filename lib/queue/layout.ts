import { join } from "@std/path/posix/join";
import { hashText } from "../core/hash.ts";
import { checkWord } from "../core/names.ts";
import type { ArtifactPaths } from "../store/layout.ts";

/** Where everything of a pool's run is. */
export interface QueuePaths {
  /** The run's id, which is its folder's name. */
  readonly runId: string;
  /** The folder of the run. */
  readonly run: string;
  /** What the run was asked for; immutable. */
  readonly record: string;
  /** What counts instead since the run was taken up last. */
  readonly taken: string;
  /** The folder of the payloads. */
  readonly artifacts: string;
  /**
   * The controller's role: claimed, watched and ended as an artifact is. Its record says how the run ended.
   */
  readonly role: ArtifactPaths;
  /** How the run ended. */
  readonly ended: string;
  /** What stop was asked for. */
  readonly stop: string;
  /** Whom there are requests for, a line each: the one file that workers look at while they compute. */
  readonly orders: string;
  /** The folder of what the controllers told: a file for each term. */
  readonly events: string;
  /** The folder, by spec, of tasks that anybody may take. */
  readonly todo: string;
  /** The folder, by spec and worker, of tasks that somebody has taken. */
  readonly running: string;
  /** The folder of tasks whose artifact somebody outside of the run computes. */
  readonly waiting: string;
  /** The folder of tasks whose artifact is stored. */
  readonly done: string;
  /** The folder of tasks that failed, each with how it failed beside it. */
  readonly failed: string;
  /** The folder of tasks that nobody had taken when the run was stopped. */
  readonly withdrawn: string;
  /** The folder of the workers' records. */
  readonly workers: string;
  /** The folder of what was handed to a launcher. */
  readonly jobs: string;
}

/** Where a worker tells of itself. */
export interface WorkerFiles {
  /** Who it is; its mtime is the heartbeat. */
  readonly record: string;
  /** What it computes now, for displays. */
  readonly now: string;
  /** How it ended, as somebody judged. */
  readonly end: string;
  /** Why it cannot start tasks on its node. */
  readonly unfit: string;
  /** That it is to leave. */
  readonly leave: string;
}

/**
 * Where everything of a pool's run is.
 *
 * @param root The store's folder.
 * @throws {ValidationError} If the id cannot be the name of a folder.
 */
export function queuePaths(root: string, runId: string): QueuePaths {
  checkWord("run id", runId);
  const run = join(root, "runs", runId);
  const queue = join(run, "queue");
  const controller = join(run, "controller");
  const ended = join(run, "ended.json");
  return {
    runId,
    run,
    record: join(run, "run.json"),
    taken: join(run, "taken.json"),
    artifacts: join(run, "artifacts"),
    role: {
      name: "controller",
      hash: hashText(runId),
      taskDir: run,
      record: ended,
      home: controller,
      claim: `${controller}.claim`,
    },
    ended,
    stop: join(run, "stop.json"),
    orders: join(run, "orders.txt"),
    events: join(run, "events"),
    todo: join(queue, "todo"),
    running: join(queue, "running"),
    waiting: join(queue, "waiting"),
    done: join(queue, "done"),
    failed: join(queue, "failed"),
    withdrawn: join(queue, "withdrawn"),
    workers: join(run, "workers"),
    jobs: join(run, "jobs"),
  };
}

/** The folder of the tasks of a spec that anybody may take. */
export function todoDir(paths: QueuePaths, spec: string): string {
  return join(paths.todo, spec);
}

/** The folder of the tasks that a worker has taken. */
export function workerDir(paths: QueuePaths, spec: string, id: string): string {
  return join(paths.running, spec, id);
}

/** The name of the folder of a worker that was declared dead: no worker's own, and never the same twice. */
export function fencedName(id: string, random: string): string {
  return `${id}.dead-${random}`;
}

/** Whose folder that is, by a name in `running/<spec>/`. */
export function parseWorkerDir(name: string): { id: string; fenced: boolean } | undefined {
  const match = /^([A-Za-z0-9_-]+)(\.dead-[0-9a-z]+)?$/.exec(name);
  return match ? { id: match[1] as string, fenced: match[2] !== undefined } : undefined;
}

const WORKER_FILES = {
  record: ".json",
  now: ".now.json",
  end: ".end.json",
  unfit: ".unfit.json",
  leave: ".leave.json",
};
const WORKER_KINDS = new Map(
  Object.entries(WORKER_FILES).map(([kind, suffix]) => [suffix, kind as keyof WorkerFiles]),
);

/** Where a worker tells of itself. */
export function workerFiles(paths: QueuePaths, id: string): WorkerFiles {
  const stem = join(paths.workers, id);
  return {
    record: stem + WORKER_FILES.record,
    now: stem + WORKER_FILES.now,
    end: stem + WORKER_FILES.end,
    unfit: stem + WORKER_FILES.unfit,
    leave: stem + WORKER_FILES.leave,
  };
}

/** What a name in `workers/` is; `undefined` for one that is none of ours. */
export function parseWorkerFile(name: string): { id: string; kind: keyof WorkerFiles } | undefined {
  const match = /^([A-Za-z0-9_-]+)(\..+)$/.exec(name);
  const kind = WORKER_KINDS.get(match?.[2] ?? "");
  return match && kind ? { id: match[1] as string, kind } : undefined;
}
