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
