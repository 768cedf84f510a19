/** How {@link runProcess} runs. */
export interface ProcessOptions {
  /**
   * Working directory.
   *
   * @default {this process's own}
   */
  cwd?: string;
  /**
   * Environment variables besides this process's own.
   *
   * @default {none}
   */
  env?: Record<string, string>;
}

/**
 * Runs a program to its end.
 *
 * @returns What it printed to stdout.
 * @throws {Error} with the end of what it printed, when it fails.
 */
export async function runProcess(command: readonly string[], options: ProcessOptions = {}): Promise<string> {
  const [program = "", ...args] = command;
  const output = await new Deno.Command(program, {
    args,
    stdin: "null",
    ...options,
  }).output();
  const [stdout, stderr] = [output.stdout, output.stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (output.success) return stdout!;
  const end = `${stdout}\n${stderr}`.trim().split("\n").slice(-15).join("\n");
  throw new Error(`Cannot measure ${command.join(" ")}: it ended with code ${output.code}\n${end}`);
}
