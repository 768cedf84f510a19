import { dirname } from "@std/path/posix/dirname";
import { resolve } from "@std/path/posix/resolve";
import { errorCode, errorText, FuruError } from "../../core/errors.ts";
import { reportCounts, ReportSource } from "../../page/report_source.ts";
import type { Report } from "../../page/report_model.ts";
import { defineCommand } from "../program/command.ts";
import { switchFlag, valueFlag } from "../program/flag.ts";
import { openWithProgram } from "../program/open_with_program.ts";
import { readableStore } from "../program/readable_store.ts";
import { bytesText } from "../../ui/text.ts";
import { ABOUT_SUBJECT, findSubject, subjectArgs } from "./subject.ts";

/** The file that is written where none is named. */
const DEFAULT_OUTPUT = "furu-report.html";

const flags = {
  all: switchFlag("All that is in the store", { short: "a" }),
  output: valueFlag("FILE", `Into this file; - is stdout (default: ${DEFAULT_OUTPUT})`, (text) => text, {
    short: "o",
  }),
  force: switchFlag("Also where the file is there and is no report of furu's"),
  open: switchFlag("Open it in a browser"),
};

/** `furu report`: a page about a run, a pipeline or tasks. */
export const reportCommand = defineCommand({
  ...subjectArgs,
  description: [
    "Writes one file of HTML that can be opened, kept and sent: the graph of the artifacts with their statuses, " +
    "a timeline of attempts, what tasks took, failures with the ends of their logs, a table of parameters and " +
    "results that sorts, filters and plots, and where results come from. It needs no network and no furu.",
    ABOUT_SUBJECT,
    "With --json the same as JSON (docs/report.md), on stdout unless -o names a file. A report is written " +
    "over, any other file is not.",
  ],
  flags,
  examples: (program) => [
    ["last", `the latest run, into ${DEFAULT_OUTPUT}`],
    ["last -o run.html --open", "into a file of that name, and into the browser"],
    ...(program.script
      ? []
      : [["pipeline.ts", "all that the pipeline needs, whichever run computed it"]] as const),
    ["'houses/*' --json", "what is stored of some tasks, for programs"],
  ],
  async run({ args, flags, globals, io, program, engine }) {
    const store = await readableStore(engine, { mayLack: true });
    const subject = await findSubject({ args, flags, io, program }, store);
    const report = await new ReportSource(store, subject).read();
    const output = flags.output ?? (globals.json ? "-" : DEFAULT_OUTPUT);
    const text = globals.json ? `${JSON.stringify(report)}\n` : await htmlOf(report);
    if (output === "-") {
      io.out(text);
      return 0;
    }
    const path = resolve(io.cwd, output);
    await writeReport(path, text, { force: flags.force });
    const size = bytesText(new TextEncoder().encode(text).length);
    io.err(`${output}: ${report.title}, ${reportCounts(report)} (${size})\n`);
    if (flags.open && !await openWithProgram(path)) io.err(`no browser is there to open it: ${path}\n`);
    return 0;
  },
});

async function htmlOf(report: Report): Promise<string> {
  return await (await import("../../page/page_html.ts")).pageHtml(report);
}

/** What the first bytes of a report are, as HTML and as JSON. */
const REPORTS = [
  /^<!doctype html>[^]{0,200}<meta name="generator" content="furu report">/,
  /^\{[^]{0,40}"kind":"furu-report"/,
];
const LOOKED_AT = 1000;

/**
 * Writes a report, so that it is there whole or not at all.
 *
 * @throws {FuruError} If another file is there, or it cannot be written.
 */
async function writeReport(path: string, text: string, { force }: { force: boolean }): Promise<void> {
  const temporary = `${dirname(path)}/.furu-report-${crypto.randomUUID().slice(0, 8)}.tmp`;
  try {
    const before = await beginningOf(path);
    if (before !== undefined && !force && !REPORTS.some((form) => form.test(before))) {
      throw new FuruError(
        `Cannot write ${path}: it is there already and is no report of furu's (-o names another, --force replaces it)`,
      );
    }
    await Deno.writeTextFile(temporary, text);
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {/* it was never made, or has its name */});
    if (error instanceof FuruError) throw error;
    const why = errorCode(error) === "ENOENT" ? `there is no folder ${dirname(path)}` : errorText(error);
    throw new FuruError(`Cannot write ${path}: ${why}`, { cause: error });
  }
}

/** The first characters of a file; nothing where there is none. An empty file has nothing to lose. */
async function beginningOf(path: string): Promise<string | undefined> {
  let file: Deno.FsFile;
  try {
    const { isFile, isDirectory } = await Deno.stat(path);
    if (isDirectory) {
      throw new FuruError(`Cannot write ${path}: it is a folder, the name of a file is needed`);
    }
    if (!isFile) throw new FuruError(`Cannot write ${path}: it is no file (-o - writes to stdout)`);
    file = await Deno.open(path);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
  using open = file;
  const bytes = new Uint8Array(LOOKED_AT);
  const count = await open.read(bytes);
  return count === null ? undefined : new TextDecoder().decode(bytes.subarray(0, count));
}
