import { table } from "../ui/table.ts";
import { textWidth, wrap } from "../ui/text.ts";
import type { AnyCommand } from "./program/command.ts";
import { type Flags, globalFlags } from "./program/flag.ts";
import type { Program } from "./program/program.ts";

const INDENT = "  ";
/** Between the columns of a table. */
const GAP_COLUMNS = 2;
/** A narrower column of text could not be read: a terminal that has no more wraps it itself. */
const LEAST_COLUMNS = 24;

/** A line of the list of commands. */
export interface CommandSummary {
  /** The word that follows the program's name. */
  name: string;
  /** One line that says what it does. */
  summary: string;
  /** The commands among which it stands. */
  group?: string;
}

/**
 * The help of the program as a whole.
 *
 * @param width Columns that lines may take.
 * @param tasks Lines about the tasks of a script.
 */
export function programHelp(
  program: Program,
  commands: readonly CommandSummary[],
  width: number,
  tasks: readonly string[] = [],
): string {
  const what = program.script
    ? `${program.name}: a pipeline of cacheable tasks`
    : "furu: cacheable, nested pipelines";
  const fallback = program.script ? ["", "Without a command: run."] : [];
  return [
    what,
    "",
    `Usage: ${program.name} COMMAND [options]`,
    ...groupLines(commands, width),
    ...fallback,
    ...section(`Tasks and their parameters ('${program.name} get TASK --set KEY=VALUE')`, tasks),
    "",
    "Options of every command:",
    ...indent(
      flagLines({
        ...globalFlags,
        version: { ...globalFlags.help, short: "V", description: "Show versions" },
      }, width),
    ),
    "",
    `'${program.name} COMMAND --help' tells more, with examples.`,
    "",
  ].join("\n");
}

/**
 * The help of one command.
 *
 * @param width Columns that lines may take.
 */
export function commandHelp(
  program: Program,
  { name, summary }: CommandSummary,
  command: AnyCommand,
  width: number,
): string {
  const args = command.args(program);
  const start = `${program.name} ${name}`;
  return [
    `${start}: ${summary}`,
    "",
    `Usage: ${start}${args === "" ? "" : ` ${args}`} [options]`,
    ...command.description.flatMap((text) => ["", ...wrap(text, width)]),
    ...section("Options", flagLines(command.flags, width)),
    ...section("Options of every command", flagLines(globalFlags, width)),
    ...section(
      "Examples",
      command.examples(program).flatMap(([line, what]) => [`${start} ${line}`.trimEnd(), `    ${what}`]),
    ),
    "",
  ].join("\n");
}

/** The commands, those of a group beside each other, all in the same columns. */
function groupLines(commands: readonly CommandSummary[], width: number): string[] {
  const widest = Math.max(...commands.map(({ name }) => name.length));
  return [...Map.groupBy(commands, ({ group }) => group ?? "Commands")].flatMap(([group, members]) =>
    section(group, definitions(members.map(({ name, summary }) => [name.padEnd(widest), summary]), width))
  );
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ["", `${title}:`, ...indent(lines)];
}

function flagLines(flags: Flags, width: number): string[] {
  const rows = Object.entries(flags).map(([name, flag]): [string, string] => {
    const value = flag.placeholder === undefined ? "" : ` ${flag.placeholder}`;
    const short = flag.short === undefined ? "    " : `-${flag.short}, `;
    const also = flag.also?.map((other) => `${other.length === 1 ? "-" : "--"}${other}`) ?? [];
    const same = also.length === 0 ? "" : ` (also ${also.join(", ")})`;
    return [`${short}--${name}${value}`, `${flag.description}${same}`];
  });
  return definitions(rows, width);
}

/**
 * Terms in one column and what each means beside it, in as many lines as that takes.
 *
 * @param width Columns that lines may take.
 */
export function definitions(
  rows: readonly (readonly [term: string, meaning: string])[],
  width: number,
): string[] {
  const terms = Math.max(0, ...rows.map(([term]) => textWidth(term)));
  const space = Math.max(LEAST_COLUMNS, width - INDENT.length - terms - GAP_COLUMNS);
  return table(
    rows.flatMap(([term, meaning]) =>
      wrap(meaning, space).map((line, index) => [index === 0 ? term : "", line])
    ),
  );
}

function indent(lines: readonly string[]): string[] {
  return lines.map((line) => `${INDENT}${line}`.trimEnd());
}
