import { join } from "@std/path/posix/join";
import { type AttemptKey, attemptPaths, parseAttemptName } from "../store/layout.ts";
import { newestCheckpoint } from "../store/ends.ts";
import { listOrNothing } from "../store/store.ts";
import type { Artifact, CreateContext } from "../task/artifact.ts";
import { createTaskLog, type OutputSink } from "./attempt_log.ts";
import { createRunProgram } from "./program.ts";
import type { Runtime } from "./runtime.ts";
import type { AttemptTraces } from "./traces.ts";

/** What an attempt needs from whoever runs it. */
export interface AttemptIo {
  /** Aborts when the attempt is to end. */
  signal: AbortSignal;
  /** Takes what the attempt logs, and what its programs print. */
  output: OutputSink;
  /** Tells how far it is. */
  onProgress: (fraction: number, message?: string) => void;
  /** Do programs get process groups of their own? Not in a worker, whose supervisor kills its whole group. */
  detachedPrograms: boolean;
  /** Keeps what the task does to its process from others. @default nothing is kept */
  traces?: AttemptTraces;
}

/** What `create` is given, and what has become of its lazy parts. */
export interface MadeContext {
  /** For `create`. Its functions work when destructured. */
  context: CreateContext;
  /** Was `dir` read, and so made? */
  usedDir: () => boolean;
}

/** Makes what `create` is given. Takes over the newest checkpoint of an ended attempt. */
export async function makeCreateContext(
  runtime: Runtime,
  artifact: Artifact,
  attempt: AttemptKey,
  io: AttemptIo,
): Promise<MadeContext> {
  const { files } = runtime.machine;
  const paths = attemptPaths(runtime.store.paths(artifact), attempt);
  if (attempt.n > 1) await takeOverCheckpoint(runtime, artifact, attempt);
  let usedDir = false;
  let usedCheckpoint = false;
  const context: CreateContext = {
    params: artifact.params,
    attempt: attempt.n,
    hash: artifact.hash,
    signal: io.signal,
    log: createTaskLog(runtime.machine, io.output, runtime.config.logLevel),
    progress: io.onProgress,
    get dir(): string {
      if (!usedDir) files.mkdirNow(paths.files);
      usedDir = true;
      return paths.files;
    },
    get checkpointDir(): string {
      if (!usedCheckpoint) files.mkdirNow(paths.checkpoint);
      usedCheckpoint = true;
      return paths.checkpoint;
    },
    run: createRunProgram({
      log: (chunk) => io.output.write(chunk),
      signal: io.signal,
      detached: io.detachedPrograms,
      programs: io.traces?.programs,
      files,
      clock: runtime.machine.clock,
      randomId: () => runtime.machine.randomId(),
    }),
  };
  return { context, usedDir: () => usedDir };
}

/** By renaming it, so that the next save, by path, of an attempt that was only thought to be dead fails. */
async function takeOverCheckpoint(runtime: Runtime, artifact: Artifact, attempt: AttemptKey): Promise<void> {
  const home = runtime.store.paths(artifact);
  const names = (await listOrNothing(runtime.machine, home.home)).map(({ name }) => name);
  const newest = newestCheckpoint(names);
  if (!newest) return;
  const own = attemptPaths(home, attempt).checkpoint;
  await runtime.machine.files.rename(attemptPaths(home, newest).checkpoint, own);
  const older = names.filter((name) => {
    const parsed = parseAttemptName(name);
    return parsed?.kind === "checkpoint" && parsed.id !== newest.id && parsed.id !== attempt.id;
  });
  for (const name of older) await runtime.machine.files.removeTree(join(home.home, name));
}
