import { table } from "../ui/table.ts";
import type { AnyCommand } from "./program/command.ts";
import { type Flags, globalFlags } from "./program/flag.ts";
import type { Program } from "./program/program.ts";

/** What the list of commands says about one. */
export interface CommandSummary {
  /** What follows the program's name. */
  name: string;
  /** What it does, in one line. */
  summary: string;
}

/**
 * The help of the program as a whole.
 *
 * @param tasks Lines about the tasks of a script.
 */
export function programHelp(
  program: Program,
  commands: readonly CommandSummary[],
  tasks: readonly string[] = [],
): string {
  const what = program.script
    ? `${program.name}: a pipeline of cacheable tasks`
    : "furu: cacheable, nested pipelines";
  const fallback = program.script ? ["Without a command: run."] : [];
  return [
    what,
    "",
    `Usage: ${program.name} COMMAND [options]`,
    "",
    "Commands:",
    ...indent(table(commands.map(({ name, summary }) => [name, summary]))),
    ...fallback,
    ...section(`Tasks and their parameters ('${program.name} get TASK --set KEY=VALUE')`, tasks),
    "",
    "Options of every command:",
    ...indent(
      flagLines({
        ...globalFlags,
        version: { ...globalFlags.help, short: "V", description: "Show versions" },
      }),
    ),
    "",
    `'${program.name} COMMAND --help' tells more, with examples.`,
    "",
  ].join("\n");
}

/** The help of one command. */
export function commandHelp(
  program: Program,
  { name, summary }: CommandSummary,
  command: AnyCommand,
): string {
  const args = command.args(program);
  const start = `${program.name} ${name}`;
  return [
    `${start}: ${summary}`,
    "",
    `Usage: ${start}${args === "" ? "" : ` ${args}`} [options]`,
    ...(command.description === undefined ? [] : ["", command.description]),
    ...section("Options", flagLines(command.flags)),
    ...section("Options of every command", flagLines(globalFlags)),
    ...section(
      "Examples",
      command.examples(program).flatMap(([line, what]) => [`${start} ${line}`.trimEnd(), `    ${what}`]),
    ),
    "",
  ].join("\n");
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", `${title}:`, ...indent(lines)];
}

function flagLines(flags: Flags): string[] {
  const rows = Object.entries(flags).map(([name, flag]) => {
    const value = flag.placeholder === undefined ? "" : ` ${flag.placeholder}`;
    const short = flag.short === undefined ? "    " : `-${flag.short}, `;
    return [`${short}--${name}${value}`, flag.description];
  });
  return table(rows);
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `  ${line}`.trimEnd());
}
