import { dirname } from "@std/path/posix/dirname";
import { fromFileUrl } from "@std/path/posix/from-file-url";
import { resolve } from "@std/path/posix/resolve";
import type { Clock } from "../../core/system/clock.ts";
import { ComputeError, errorCode, errorText, lasting, ValidationError } from "../../core/errors.ts";
import { isInput } from "../../core/json/input_file.ts";
import type { Files } from "../../core/system/files.ts";
import type { CommandWord, RunProgram, RunProgramOptions } from "../../task/artifact/artifact.ts";
import { aString, checkOptions, type OptionChecks } from "../../core/options.ts";
import { type ExitStatus, ProgramError } from "./program_error.ts";
import { ProgramOutput } from "./program_output.ts";
import { USUAL_GRACE_MS } from "../../core/system/stop_time.ts";
import { stopOnAbort } from "./program_stop.ts";
import type { AttemptPrograms } from "../traces/traces.ts";

/** Options of {@link createRunProgram}. */
export interface ProgramHost {
  /** Given what programs print, in order of arrival; waited for, so that a flood cannot fill memory. */
  log: (chunk: Uint8Array) => void | Promise<void>;
  /** Stops the programs when it aborts. */
  signal: AbortSignal;
  /**
   * Start each program in a process group of its own, so that all it started can be stopped with it. `false`
   * in a computing process, whose supervisor stops the whole group: there a program must stay in it.
   */
  detached: boolean;
  /**
   * Whether the attempt may be made again on another machine.
   *
   * @default {false}
   */
  elsewhere?: boolean;
  /**
   * Gives variables that each program has besides those of this process.
   *
   * @default {none}
   */
  env?: () => Record<string, string>;
  /** For output that goes to a file. */
  files: Files;
  /** Time. */
  clock: Clock;
  /** A fresh random id, for temporary names. */
  randomId: () => string;
  /** Notes each program, and ends those that are left. By default nobody does. */
  programs?: AttemptPrograms | undefined;
  /**
   * Milliseconds between asking a program to stop and killing it.
   *
   * @default {5000}
   */
  graceMs?: number;
  /**
   * Milliseconds that the attempt has, once it was told to stop: its programs have as long.
   *
   * @default {as long as any program that is asked to stop}
   */
  timeLeftMs?: () => number;
}

const OPTIONS: OptionChecks<RunProgramOptions> = {
  cwd: (value) => value instanceof URL ? undefined : aString(value) && { must: "a path or a file: URL" },
  env: (value) => {
    const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
    const fault = isMap && Object.entries(value).find(([, text]) => typeof text !== "string");
    if (fault) return { must: "a string", at: `.${fault[0]}`, value: fault[1] };
    return isMap ? undefined : { must: "an object with a string for each variable" };
  },
  stdin: (value) =>
    typeof value === "string" || value instanceof Uint8Array
      ? undefined
      : { must: "a string or a Uint8Array" },
  stdout: (value) => aString(value) && { must: '"log", "text" or a path' },
};

/**
 * Makes the `run` that a task is given.
 *
 * Of the function made: `stdout` as a path is relative to `cwd`. It throws {@link ValidationError} for what
 * is no command, {@link ComputeError} for a program that cannot be started or did not end with exit code 0
 * (then with the command, how it ended and the end of its stderr), and the signal's reason when it was
 * stopped by that.
 */
export function createRunProgram(host: ProgramHost): RunProgram {
  return (async (command, options = {}) => {
    // Code that goes on after its attempt, which nobody hears any more, ends here, with the programs.
    const end = async () => host.programs?.over ? await new Promise<never>(() => {}) : undefined;
    await end();
    try {
      return await runProgram(host, command, options);
    } finally {
      await end();
    }
  }) as RunProgram;
}

async function runProgram(
  host: ProgramHost,
  command: readonly CommandWord[],
  options: RunProgramOptions,
): Promise<string | void> {
  checkOptions("ctx.run", options, OPTIONS);
  const words = commandWords(command);
  const cwd = options.cwd === undefined ? undefined : folderPath(options.cwd);
  host.signal.throwIfAborted();
  const { stdout = "log" } = options;
  if (stdout === "log" || stdout === "text") {
    const output = await runToEnd(host, words, cwd, options, stdout === "text" ? "collect" : host.log);
    return stdout === "text" ? new TextDecoder().decode(output) : undefined;
  }
  const path = resolve(cwd ?? ".", stdout);
  const temporary = `${path}.tmp-${host.randomId()}`;
  try {
    await createEmpty(host.files, temporary, words);
    await runToEnd(
      host,
      words,
      cwd,
      options,
      (chunk) => host.files.write(temporary, chunk, { append: true }),
    );
    await host.files.rename(temporary, path);
  } catch (error) {
    await host.files.remove(temporary).catch(() => {}); // the error that led here is the one to be seen
    throw error;
  }
}

async function runToEnd(
  host: ProgramHost,
  words: readonly string[],
  cwd: string | undefined,
  { stdin, env }: RunProgramOptions,
  stdout: "collect" | ((chunk: Uint8Array) => void | Promise<void>),
): Promise<Uint8Array> {
  const child = await spawn(host, words, cwd, env, stdin !== undefined);
  using stopper = stopOnAbort(child, host.signal, {
    group: host.detached,
    graceMs: host.graceMs ?? USUAL_GRACE_MS,
    timeLeftMs: () => host.signal.aborted ? host.timeLeftMs?.() ?? 0 : 0,
    clock: host.clock,
  });
  const out = new ProgramOutput(child.stdout, stdout === "collect" ? undefined : stdout);
  const err = new ProgramOutput(child.stderr, host.log);
  // Not waited for: what the program started may hold the pipe open and never read it.
  if (stdin !== undefined) void feed(child.stdin, stdin);
  // A sink that fails, as with a full disk, ends the program: nothing may be lost unseen.
  void Promise.race([out.failed, err.failed]).then(() => stopper.stop());
  const status: ExitStatus = await child.status;
  await Promise.all([out.drain(host.clock), err.drain(host.clock)]);
  host.signal.throwIfAborted();
  if ((out.error ?? err.error) !== undefined) throw out.error ?? err.error;
  if (status.signal !== null || status.code !== 0) throw programError(words, status, err.lines());
  return out.collected();
}

async function spawn(
  host: ProgramHost,
  words: readonly string[],
  cwd: string | undefined,
  env: Record<string, string> | undefined,
  hasInput: boolean,
): Promise<Deno.ChildProcess> {
  try {
    const child = new Deno.Command(words[0]!, {
      args: words.slice(1),
      stdin: hasInput ? "piped" : "null",
      stdout: "piped",
      stderr: "piped",
      detached: host.detached,
      ...(cwd === undefined ? {} : { cwd }),
      env: { ...unbuffered(), ...host.env?.(), ...host.programs?.env, ...env },
    }).spawn();
    host.programs?.leads(child);
    return child;
  } catch (cause) {
    const error = new ComputeError(
      `Cannot run ${commandText(words)}: ${await whyNot(host.files, words[0]!, cwd, cause)}`,
      { cause },
    );
    // Retries begin at once: a program that PATH does not have will not have come by then, but another node
    // may have it.
    const isMissing = errorCode(cause) === "ENOENT" && !words[0]!.includes("/") && cwd === undefined;
    throw isMissing && !host.elsewhere ? lasting(error) : error;
  }
}

/**
 * Python keeps what it prints to a pipe until it has much of it: that of one that is killed would be lost.
 */
function unbuffered(): Record<string, string> {
  const name = "PYTHONUNBUFFERED";
  // Where it may not be known whether the user has set it, nobody is asked.
  const known = Deno.permissions.querySync({ name: "env", variable: name }).state === "granted";
  return known && Deno.env.has(name) ? {} : { [name]: "1" };
}

async function whyNot(
  files: Files,
  program: string,
  cwd: string | undefined,
  error: unknown,
): Promise<string> {
  if (errorCode(error) !== "ENOENT") return errorText(error);
  if (cwd !== undefined && await files.stat(cwd).catch(() => undefined) === undefined) {
    return `its working directory '${cwd}' does not exist`;
  }
  return program.includes("/")
    ? `there is no file '${program}', or the interpreter that its first line names is missing`
    : `no folder of PATH has a program '${program}'`;
}

async function createEmpty(files: Files, path: string, words: readonly string[]): Promise<void> {
  try {
    await files.write(path, "", { exclusive: true });
  } catch (cause) {
    const why = errorCode(cause) === "ENOENT" ? `folder '${dirname(path)}' does not exist` : errorText(cause);
    throw new ComputeError(`Cannot run ${commandText(words)} as its output file cannot be written: ${why}`, {
      cause,
    });
  }
}

async function feed(stdin: WritableStream<Uint8Array>, input: string | Uint8Array): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(typeof input === "string" ? new TextEncoder().encode(input) : input);
    await writer.close();
  } catch {
    // A program need not read all that it is given (EPIPE).
  }
}

function programError(words: readonly string[], status: ExitStatus, stderr: readonly string[]): ProgramError {
  const how = status.signal === null
    ? `ended with exit code ${status.code}`
    : `was killed by ${status.signal}`;
  const last = stderr.length === 0
    ? "; it wrote nothing to stderr"
    : `; the end of its stderr:\n  ${stderr.join("\n  ")}`;
  return new ProgramError(`${commandText(words)} ${how}${last}`, status);
}

function folderPath(cwd: string | URL): string {
  return cwd instanceof URL || cwd.startsWith("file://") ? fromFileUrl(cwd) : cwd;
}

function commandWords(command: readonly CommandWord[]): string[] {
  if (!Array.isArray(command) || command.length === 0) {
    throw lasting(
      new ValidationError(
        `Cannot run a command as it must be an array of the program and its arguments: got ${
          Deno.inspect(command)
        }`,
      ),
    );
  }
  return command.map((word: unknown, index) => {
    const text = wordText(word);
    if (text === undefined || text.includes("\0") || (index === 0 && text === "")) {
      throw lasting(
        new ValidationError(
          `Cannot run a command as word ${index} must be a string without NUL, a number, a URL, a file or a folder` +
            `${index === 0 ? ", and not empty" : ""}: current value is ${Deno.inspect(word)}`,
        ),
      );
    }
    return text;
  });
}

function wordText(word: unknown): string | undefined {
  if (typeof word === "string") return word;
  if (typeof word === "number") return String(word);
  if (isInput(word)) return word.path;
  if (word instanceof URL) return word.protocol === "file:" ? fromFileUrl(word) : word.href;
  return undefined;
}

/** A command as one would type it, shortened. */
function commandText(words: readonly string[]): string {
  const text = words.map((word) => /^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word)).join(" ");
  return `\`${text.length > 500 ? `${text.slice(0, 500)}...` : text}\``;
}
