import { currentSession } from "../core/system/session.ts";

/**
 * The first frames of a stack that are the user's own code, as `create (file:///x/pipeline.ts:12:9)`; the
 * first of all where there are none.
 *
 * @param stack As in `error.stack`.
 * @param most The greatest number of frames.
 * @param options With `onlyOwn` nothing is returned where there are none of the user's.
 */
export function userFrames(stack: string, most: number, options: { onlyOwn?: boolean } = {}): string[] {
  const frames = stack.split("\n")
    .map((line) => /^\s+at (.+)$/.exec(line)?.[1])
    .filter((frame) => frame !== undefined);
  const own = frames.filter((frame) => !isLibrary(frame));
  return (own.length > 0 || options.onlyOwn ? own : frames).slice(0, most);
}

/**
 * Leaves only the user's own frames in the stack of an error that was just made, where there are any: for
 * errors of tasks, not of furu.
 */
export function withoutLibraryFrames<E extends Error>(error: E): E {
  // Of another one: once its stack was read, Deno shows an error with the frames that it had then.
  const frames = userFrames(deepStack(), MOST_FRAMES, { onlyOwn: true });
  if (frames.length > 0) error.stack = [`${error}`, ...frames.map((frame) => `    at ${frame}`)].join("\n");
  return error;
}

/**
 * The same for an error that a call of furu's ends with in a notebook, which shows no more than its stack:
 * with the lines of the task that failed, before those of the cell.
 */
export async function forCell<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (currentSession() !== "notebook" || !(error instanceof Error)) throw error;
    const stacks = [error.cause, error].map((each) => each instanceof Error ? framesOf(each) : "");
    const frames = stacks.flatMap((stack) => userFrames(stack, MOST_FRAMES, { onlyOwn: true }));
    error.stack = [`${error}`, ...new Set(frames.map((frame) => `    at ${frame}`))].join("\n");
    throw error;
  }
}

/** The stack without the message, which may quote one. */
function framesOf(error: Error): string {
  const { stack = "", message } = error;
  const at = stack.indexOf(message);
  return at < 0 ? stack : stack.slice(at + message.length);
}

const MOST_FRAMES = 50;

/** The stack here, with more frames than usual: the first ones are furu's. */
function deepStack(): string {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = MOST_FRAMES;
  const stack = new Error().stack ?? "";
  Error.stackTraceLimit = before;
  return stack;
}

/**
 * Frames of the runtime, of packages and of furu say little about where a task went wrong. Code that is typed
 * in has no name, and lines.
 */
function isLibrary(frame: string): boolean {
  if (
    /(?:^|[\s(])(?:ext|node|native):|\/node_modules\/|\/npm\/registry\.|<anonymous>(?!:\d)|\(index \d+\)$/
      .test(frame)
  ) {
    return true;
  }
  return FURU.some((place) => frame.includes(place));
}

/**
 * The folders of furu's own modules. In a bundle they share one file with the user's: nothing can be told
 * apart there.
 */
const FURU: readonly string[] = /\/lib\/ui\/user_frames\.ts$/.test(import.meta.url)
  ? ["../", "../../cli.ts"].map((path) => new URL(path, import.meta.url).href)
  : [];
