import { dirname } from "@std/path/posix/dirname";
import { join } from "@std/path/posix/join";
import { relative } from "@std/path/posix/relative";
import { resolve } from "@std/path/posix/resolve";
import { errorText, FuruError, UsageError } from "../../core/errors.ts";
import { FURU_URL, oneFile } from "../../core/packed.ts";
import { findUpward } from "../../core/paths.ts";
import { parseCommentedJson } from "../../core/settings/parse_commented_json.ts";
import { FURU_VERSION } from "../../core/version.ts";
import { quote } from "../../slurm/client/script.ts";
import { defineCommand } from "../program/command.ts";
import { IGNORED, newProjectFiles } from "./project_files.ts";

/** `furu init`: a project that runs. */
export const initCommand = defineCommand({
  args: () => "[DIR]",
  arity: () => ({ least: 0, most: 1 }),
  description: [
    "Makes a project in a folder (without one: here): deno.json with furu as an import and as a task, " +
    "furu.json, a pipeline of two tasks, a test of it, and a .gitignore for the store. A file that is " +
    "there already stays as it is.",
  ],
  flags: {},
  examples: () => [
    ["", "in the current folder"],
    ["houses", "in a folder of its own, which is made"],
    ["houses --json", 'for programs: {"folder", "made", "kept", "hints", "next"}'],
  ],
  async run({ args: [dir = "."], globals, io }) {
    const folder = resolve(io.cwd, dir);
    await makeFolder(folder);
    const source = { url: FURU_URL, version: FURU_VERSION, isPacked: oneFile() !== undefined };
    const files = newProjectFiles({ folder, source, isInWorkspace: isInWorkspace(folder) });
    const made: string[] = [];
    const hints: string[] = [];
    const kept: string[] = [];
    for (const [name, text] of files) {
      if (await makeFile(join(folder, name), text)) made.push(name);
      else {
        kept.push(name);
        const hint = hintOn(name, await Deno.readTextFile(join(folder, name)), text);
        if (hint !== undefined) hints.push(hint);
      }
    }
    const furu = oneFile() ?? "deno task furu";
    const goTo = folder === io.cwd ? [] : [`cd ${quote(relative(io.cwd, folder))}`];
    const next = [
      ...goTo,
      `${furu} plan pipeline.ts`,
      `${furu} run pipeline.ts`,
      oneFile() === undefined ? "deno task test" : `${furu} ls`,
    ];
    if (globals.json) io.out(`${JSON.stringify({ folder, made, kept, hints, next })}\n`);
    else if (!globals.quiet) {
      for (const name of made) io.out(`made  ${name}\n`);
      for (const name of kept) io.out(`kept  ${name}, which was there\n`);
      for (const hint of hints) io.out(`\n${hint}\n`);
      io.out(`\nNext:\n${next.map((line) => `  ${line}\n`).join("")}`);
    }
    return 0;
  },
});

async function makeFolder(folder: string): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true });
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) {
      throw new UsageError(`Cannot make a project in ${folder} as it is a file`);
    }
    throw new FuruError(`Cannot make the folder ${folder}: ${errorText(cause)}`, { cause });
  }
}

/** Makes a file where there is none. */
async function makeFile(path: string, text: string): Promise<boolean> {
  try {
    await Deno.writeTextFile(path, text, { createNew: true });
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) return false;
    throw new FuruError(`Cannot write ${path}: ${errorText(cause)}`, { cause });
  }
}

/** What a file that was there lacks, where that can be told. */
function hintOn(name: string, text: string, wanted: string): string | undefined {
  if (name === "deno.json" && !text.includes("@furu/furu")) {
    return `deno.json does not know furu. Add to it:\n${wanted.trimEnd()}`;
  }
  if (name === ".gitignore" && !text.includes("furu-data")) {
    return `.gitignore does not leave out the store. Add to it: ${IGNORED}`;
  }
  return undefined;
}

/** Deno refuses a project below a workspace that does not name it, unless it says that it is one itself. */
function isInWorkspace(folder: string): boolean {
  const above = findUpward(dirname(folder), ["deno.json", "deno.jsonc"]);
  if (above === undefined) return false;
  try {
    const config = parseCommentedJson(Deno.readTextFileSync(above.path));
    return typeof config === "object" && config !== null && "workspace" in config;
  } catch {
    return false; // Deno will say what is wrong with it
  }
}
