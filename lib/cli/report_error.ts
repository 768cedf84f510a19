import { type FuruError, furuErrorName } from "../core/errors.ts";
import { userFrames } from "../ui/user_frames.ts";
import { isClosedOutput } from "../core/system/write_all.ts";
import type { Io } from "./program/io.ts";
import { ModuleLoadError } from "./roots/load_roots.ts";

/** Options of {@link reportError}. */
export interface ReportErrorOptions {
  /** The streams that it writes to. */
  io: Pick<Io, "err" | "out">;
  /** The command that was used, as `furu run`. */
  command: string;
  /** Show stacks of furu's own errors too. */
  verbose: boolean;
  /**
   * Tell programs, too: `{"error": {"name", "message", "exitCode", "log"}}` on stdout.
   *
   * @default {false}
   */
  json?: boolean;
}

const INTERRUPTED = [130, 143];
const CLOSED_PIPE = 141;

/**
 * Tells people what went wrong: plain words for what furu itself says, the whole stack for everything else.
 *
 * @returns The exit code: 2 for wrong use and configuration, 130 and 143 for a stop signal, else 1.
 */
export function reportError(error: unknown, options: ReportErrorOptions): number {
  const code = report(error, options);
  if (options.json && code !== CLOSED_PIPE) {
    options.io.out(`${JSON.stringify({ error: errorJson(error, code) })}\n`);
  }
  return code;
}

function errorJson(error: unknown, exitCode: number): Record<string, unknown> {
  const { message, name, log } = error instanceof Error
    ? error as Error & { log?: string }
    : { message: String(error), name: "Error", log: undefined };
  return { name: furuErrorName(error) ?? name, message, exitCode, ...(log === undefined ? {} : { log }) };
}

function report(error: unknown, options: ReportErrorOptions): number {
  const { io, command, verbose } = options;
  // The reader of our output has closed it (`| head`): the code is that of programs that SIGPIPE ends.
  if (isClosedOutput(error)) return CLOSED_PIPE;
  const stopped = exitCodeOf(error);
  if (stopped !== undefined) return stopped;
  // By brand, as all of this: the pipeline may have brought its own copy of furu.
  const name = furuErrorName(error);
  if (name === undefined) {
    io.err(`${command}: ${unknownText(error)}\n`);
    return 1;
  }
  const own = error as FuruError;
  io.err(name === "RunFailedError" ? `${own.message}\n` : `${command}: ${errorBody(own)}\n`);
  if (verbose) io.err(`${Deno.inspect(error)}\n`);
  if (name === "UsageError") io.err(`'${command} --help' shows how it is used.\n`);
  return name === "UsageError" || name === "ConfigError" ? 2 : 1;
}

/** The code that the error of an interrupted run carries: its display has told people about it. */
function exitCodeOf(error: unknown): number | undefined {
  // Errors of programs that a task ran have exit codes, too: those are for people.
  const code = furuErrorName(error) === undefined ? undefined : (error as { exitCode?: unknown }).exitCode;
  return INTERRUPTED.find((known) => known === code);
}

function errorBody(error: FuruError): string {
  const { message, cause, log } = error;
  // A module that fails while it is imported, or a `create` that throws: the user looks for the place.
  if (error instanceof ModuleLoadError) return `${message}\n\n${Deno.inspect(cause)}`;
  const lines = [message];
  const stack = cause instanceof Error ? cause.stack ?? "" : "";
  if (isUsers(stack)) lines.push(...userFrames(stack, 3).map((frame) => `    at ${frame}`));
  if (log !== undefined && !message.includes(log)) lines.push(`    log: ${log}`);
  return lines.join("\n");
}

function unknownText(error: unknown): string {
  const text = error instanceof Error ? Deno.inspect(error) : `Thrown value: ${Deno.inspect(error)}`;
  const stack = error instanceof Error ? error.stack ?? "" : "";
  if (!(error instanceof Error) || isUsers(stack)) return text;
  return `${text}\n\nThis looks like a bug in furu: please report it with the lines above.`;
}

/** Whether a stack goes through the user's own code. */
function isUsers(stack: string): boolean {
  return userFrames(stack, 1, { onlyOwn: true }).length > 0;
}
