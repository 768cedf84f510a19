import type { Clock } from "../../core/system/clock.ts";

/** The end of a program. */
export interface ProgramResult {
  /** Its exit code; `undefined` when it never started, was killed or took too long. */
  code?: number | undefined;
  /** The text on its stdout. */
  stdout: string;
  /** The text on its stderr, or the reason why it did not start. */
  stderr: string;
  /** Whether it was ended because it took too long. Then what it asked for may still happen. */
  timedOut: boolean;
}

/** Options of a {@link ProgramRunner}. */
export interface ProgramOptions {
  /** The whole environment. */
  env: Readonly<Record<string, string>>;
  /** Milliseconds after which it is killed. */
  timeoutMs: number;
  /** Kills it. */
  signal?: AbortSignal | undefined;
}

/** Runs a program to its end. Never rejects, but when `signal` aborts: with its reason. */
export type ProgramRunner = (command: readonly string[], options: ProgramOptions) => Promise<ProgramResult>;

/** Runs a program of this machine, found on the PATH of `env`. */
export const runProgram: ProgramRunner = async ([program = "", ...args], { env, timeoutMs, signal }) => {
  signal?.throwIfAborted();
  const timeout = AbortSignal.timeout(timeoutMs);
  let result: ProgramResult;
  try {
    const { code, signal: killedBy, stdout, stderr } = await new Deno.Command(program, {
      args,
      clearEnv: true,
      env,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: signal ? AbortSignal.any([timeout, signal]) : timeout,
    }).output();
    const timedOut = timeout.aborted && killedBy !== null;
    const decoder = new TextDecoder();
    result = {
      ...(killedBy === null ? { code } : {}),
      stdout: decoder.decode(stdout),
      stderr: decoder.decode(stderr),
      timedOut,
    };
  } catch (error) {
    const missing = error instanceof Deno.errors.NotFound;
    const text = missing ? `there is no program '${program}' on PATH` : String(error);
    result = { stdout: "", stderr: text, timedOut: timeout.aborted };
  }
  signal?.throwIfAborted();
  return result;
};

/** A program that goes on while others do. */
export interface RunningProgram {
  /** Resolves when it has ended. Never rejects. */
  readonly ended: Promise<{ code: number; signal: string | null }>;
  /** Its stderr, until it ends. */
  readonly stderr: AsyncIterable<Uint8Array>;
  /** Sends it a signal. Nothing happens if it has ended. */
  kill(signal: "SIGTERM" | "SIGUSR1"): void;
}

/** Starts a program. It gets no signals of the terminal. */
export type ProgramStarter = (
  command: readonly string[],
  options: Pick<ProgramOptions, "env">,
) => RunningProgram;

/** Starts a program of this machine, found on the PATH of `env`. */
export const startProgram: ProgramStarter = ([program = "", ...args], { env }) => {
  const process = new Deno.Command(program, {
    args,
    clearEnv: true,
    env,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
    detached: true,
  }).spawn();
  return {
    ended: process.status,
    stderr: process.stderr,
    kill(signal) {
      try {
        process.kill(signal);
      } catch {
        // It has ended.
      }
    },
  };
};

/** Options of a `SlurmClient`. */
export interface SlurmClientOptions {
  /** The environment of this process; what would mislead Slurm's programs is removed from it. */
  env: Readonly<Record<string, string>>;
  /** Time. */
  clock: Clock;
  /**
   * Starts programs.
   *
   * @default {the machine's own}
   */
  run?: ProgramRunner | undefined;
  /**
   * Seconds that one program may take.
   *
   * @default {60}
   */
  timeoutSec?: number | undefined;
  /**
   * Seconds between two listings.
   *
   * @default {10}
   */
  intervalSec?: number | undefined;
  /**
   * Seconds for which a submit limit is waited out.
   *
   * @default {86400}
   */
  limitSec?: number | undefined;
  /**
   * Seconds for which trouble on the way to the controller is waited out.
   *
   * @default {600}
   */
  unclearSec?: number | undefined;
  /**
   * The cluster that is asked, and that jobs go to whose spec names none. With `-M`, unless it is the
   * machine's own.
   *
   * @default {the machine's own}
   */
  cluster?: string | undefined;
}

/** Whether a program of Slurm has answered. Some end with 0 and print nothing when they could not. */
export function answered({ code, stderr }: ProgramResult): boolean {
  return code === 0 && !/\berror:/.test(stderr);
}

/** The words of a program of Slurm about its failure. */
export function words({ code, stdout, stderr, timedOut }: ProgramResult): string {
  if (timedOut) return "it did not answer in time";
  return stderr.trim() ||
    (code === 0 ? `it printed ${JSON.stringify(stdout.slice(0, 200))}` : `exit code ${code}`);
}

/** Together they stay far below what the kernel takes as arguments. */
const MAX_ARGUMENTS = 100_000;

/** Job ids in parts that can each be the arguments of one program. */
export function* idChunks(ids: readonly string[]): Generator<string[]> {
  let chunk: string[] = [];
  let length = 0;
  for (const id of ids) {
    if (length + id.length + 1 > MAX_ARGUMENTS) {
      yield chunk;
      chunk = [];
      length = 0;
    }
    chunk.push(id);
    length += id.length + 1;
  }
  if (chunk.length > 0) yield chunk;
}

/** Job ids as a message names them. */
export function shortList(ids: readonly string[]): string {
  return ids.length <= 5
    ? `job ${ids.join(", ")}`
    : `${ids.length} jobs (${ids.slice(0, 5).join(", ")}, ...)`;
}

/** Whether a program says that there is no job of an id that it was asked about. */
export function isUnknownJob({ code, stderr, stdout }: ProgramResult): boolean {
  return code !== undefined && code !== 0 && /Invalid job id specified/.test(`${stderr}\n${stdout}`);
}
