import { errorCode } from "../core/errors.ts";
import type { Machine } from "../core/system/machine.ts";
import { join } from "@std/path/posix/join";
import { type AttemptKey, attemptPaths, parseAttemptName } from "../store/layout.ts";
import { newestCheckpoint } from "../store/results/ends.ts";
import { removeLitter } from "../store/claims/attempt_end.ts";
import { listOrNothing, SHARED_FOLDER } from "../store/store.ts";
import type { Artifact, CreateContext } from "../task/artifact/artifact.ts";
import { createTaskLog, type OutputSink, shareNow } from "./output/attempt_log.ts";
import { createRunProgram } from "./output/program.ts";
import { Scratch, scratchParent } from "./node/scratch.ts";
import { cpusOf, gpusOf, memGbOf, ownNode, threadVariables } from "./node/share.ts";
import type { Runtime } from "./runtime.ts";
import type { AttemptTraces } from "./traces/traces.ts";

/** Connects an attempt to the process that runs it. */
export interface AttemptIo {
  /** Aborts when the attempt is to end. */
  signal: AbortSignal;
  /** Takes what the attempt logs, and what its programs print. */
  output: OutputSink;
  /** Tells how far it is. */
  onProgress: (fraction: number, message?: string) => void;
  /** Tells the user of something that does not make it fail. */
  warn: (text: string) => void;
  /** Milliseconds until the attempt is told to end, or is ended; `Infinity` where nothing does. */
  timeLeftMs: () => number;
  /**
   * Whether programs get process groups of their own. Not in a worker: its supervisor kills its whole group.
   */
  detachedPrograms: boolean;
  /**
   * Called when `create` has returned. Throws where its attempt was ended meanwhile.
   *
   * @default {nobody is told}
   */
  onCreated?: () => void;
  /**
   * Called when all code of the task has run: what is left is to bring the result to the disk, which begins
   * when this resolves.
   *
   * @default {it begins at once}
   */
  onChecked?: () => Promise<void>;
  /**
   * Whether the attempt may be made again on another machine.
   *
   * @default {false}
   */
  elsewhere?: boolean;
  /**
   * Keeps what the task does to its process from others.
   *
   * @default {nothing is kept}
   */
  traces?: AttemptTraces;
}

/** The context of a `create`, and the state of its lazy parts. */
export interface MadeContext {
  /** For `create`. Its functions work when destructured. */
  context: CreateContext;
  /** Whether `dir` was read, and so made. */
  usedDir: () => boolean;
  /** Whether `checkpointDir` was read, and so made. */
  usedCheckpoint: () => boolean;
  /** Removes what is of no use after the attempt. Never throws. */
  tidy: () => Promise<void>;
}

/** Longest message of a progress, in characters. */
const MAX_MESSAGE_CHARS = 1000;

/** Makes what `create` is given. Takes over the newest checkpoint of an ended attempt. */
export async function makeCreateContext(
  runtime: Runtime,
  artifact: Artifact,
  attempt: AttemptKey,
  io: AttemptIo,
): Promise<MadeContext> {
  const { files } = runtime.machine;
  const paths = attemptPaths(runtime.store.paths(artifact), attempt);
  const log = createTaskLog(runtime.machine, io.output, runtime.config.logLevel);
  const isShared = await runtime.store.isShared();
  const { home } = runtime.store.paths(artifact);
  const makeNow = (path: string): void => {
    files.mkdirNow(path);
    if (isShared) { for (const made of [home, path]) shareNow(files, made, SHARED_FOLDER); }
  };
  if (attempt.n > 1) {
    await takeOverCheckpoint(runtime, artifact, attempt, (text) => {
      log.warn(text);
      io.warn(`${artifact} ${text}`);
    });
  }
  const scratch = new Scratch(
    runtime.machine,
    () => scratchParent(runtime.config.scratchDir),
    (text) => io.warn(`${artifact} ${text}`),
  );
  const { atOnce } = runtime;
  let usedDir = false;
  let usedCheckpoint = false;
  const context: CreateContext = {
    params: artifact.params,
    attempt: attempt.n,
    hash: artifact.hash,
    signal: io.signal,
    get timeLeftMs(): number {
      return io.timeLeftMs();
    },
    log,
    progress: (fraction, message) => {
      // Whatever it is given: it goes through messages, events and displays.
      const words = message === undefined ? [] : [String(message).slice(0, MAX_MESSAGE_CHARS)];
      io.onProgress(fraction, ...words);
    },
    get dir(): string {
      if (!usedDir) makeNow(paths.files);
      usedDir = true;
      return paths.files;
    },
    get checkpointDir(): string {
      if (!usedCheckpoint) makeNow(paths.checkpoint);
      usedCheckpoint = true;
      return paths.checkpoint;
    },
    get scratchDir(): string {
      return scratch.dir;
    },
    get cpus(): number {
      return cpusOf(ownNode, atOnce);
    },
    get gpus(): readonly string[] {
      return gpusOf(ownNode);
    },
    get memGb(): number | undefined {
      return memGbOf(ownNode, atOnce);
    },
    run: createRunProgram({
      env: () => threadVariables(ownNode, atOnce),
      log: (chunk) => io.output.write(chunk),
      signal: io.signal,
      timeLeftMs: io.timeLeftMs,
      detached: io.detachedPrograms,
      elsewhere: io.elsewhere ?? false,
      programs: io.traces?.programs,
      files,
      clock: runtime.machine.clock,
      randomId: () => runtime.machine.randomId(),
    }),
  };
  const tidy = (): Promise<void> => scratch.remove();
  return { context, usedDir: () => usedDir, usedCheckpoint: () => usedCheckpoint, tidy };
}

/**
 * Codes of a folder that cannot be moved for good: it is somebody else's, or in a lower layer of an overlay.
 */
const UNMOVABLE = ["EACCES", "EPERM", "EROFS", "EXDEV", "ENOENT"];

/**
 * By renaming it, so that the next save, by path, of an attempt that was only thought to be dead fails. One
 * that cannot be taken over is left, and an older one is tried: without a checkpoint an attempt begins anew,
 * which is better than never.
 */
async function takeOverCheckpoint(
  runtime: Runtime,
  artifact: Artifact,
  attempt: AttemptKey,
  say: (text: string) => void,
): Promise<void> {
  const { files } = runtime.machine;
  const home = runtime.store.paths(artifact);
  let names = (await listOrNothing(runtime.machine, home.home)).map(({ name }) => name);
  const own = attemptPaths(home, attempt).checkpoint;
  for (let newest; (newest = newestCheckpoint(names)) !== undefined;) {
    const { checkpoint } = attemptPaths(home, newest);
    names = names.filter((name) => join(home.home, name) !== checkpoint);
    try {
      if (await runtime.store.isShared()) await tryToWrite(runtime.machine, checkpoint);
      await files.rename(checkpoint, own);
      break;
    } catch (error) {
      const code = errorCode(error) ?? "";
      if (!UNMOVABLE.includes(code)) throw error;
      say(
        `goes on without the checkpoint of attempt ${newest.n}, which cannot be taken over (${code}): ` +
          `${checkpoint}`,
      );
    }
  }
  for (const name of names) {
    const parsed = parseAttemptName(name);
    if (parsed?.kind !== "checkpoint" || parsed.id === attempt.id) continue;
    await removeLitter(files, join(home.home, name));
  }
}

/**
 * Throws the system's error where this user may not write what another one left: the task's code would fail
 * at it. Of what is our own the task's code knows why it is as it is.
 */
async function tryToWrite(
  { files, randomId }: Pick<Machine, "files" | "randomId">,
  path: string,
): Promise<void> {
  const info = await files.stat(path);
  if (info === undefined || !(info.isFile || info.isDirectory)) return;
  const probe = `${path}/.furu-${randomId()}`;
  try {
    if (info.isDirectory) {
      await files.write(probe, "", { exclusive: true });
      await files.remove(probe);
    } else {
      await files.write(path, "", { append: true });
    }
  } catch (error) {
    const isOurs = await files.chmod(path, info.mode).then(() => true, () => false);
    if (!isOurs) throw error;
  }
  if (!info.isDirectory) return;
  for (const { name } of await files.list(path)) await tryToWrite({ files, randomId }, `${path}/${name}`);
}
