import { format } from "@std/fmt/bytes";
import { UsageError } from "../../core/errors.ts";
import { defineCommand } from "../program/command.ts";
import { listFlag, valueFlag } from "../program/flag.ts";

/** `furu pack`: makes one file that runs where nothing of ours is. */
export const packCommand = defineCommand({
  args: (program) => program.script ? "" : "[PIPELINE]",
  arity: (program) => ({ least: 0, most: program.script ? 0 : 1 }),
  description: [
    "Makes one executable file of this Deno and furu, for machines with the same kind of processor " +
    "and system that have neither, and no network. With a pipeline the file is that pipeline's own " +
    "program: run, plan, get and the other commands act on it. What it imports is embedded; other " +
    "files that it needs (data, scripts of other languages) are named with --include, and are found " +
    "beside it by import.meta.url as before.",
    "Its first start on a machine unpacks it into FURU_CACHE_DIR, else into the folder for temporary " +
    "files (TMPDIR, /tmp), else into XDG_CACHE_HOME or ~/.cache. On Slurm its jobs run the same file.",
  ],
  flags: {
    output: valueFlag("FILE", "The file to make (needed)", (text) => text, { short: "o" }),
    include: listFlag("PATH", "One more file or folder that the pipeline needs; may be given many times"),
  },
  examples: (program) =>
    program.script ? [["-o program", "packs this script"]] : [
      ["-o furu", "furu itself, in one file"],
      ["pipeline.ts -o pipeline --include train.py", "a pipeline with a program that it starts"],
    ],
  async run({ args: [path], flags: { output, include }, globals, io, program }) {
    if (output === undefined) throw new UsageError("Cannot pack as the file to make is missing: -o FILE");
    if (output === "") {
      throw new UsageError("Cannot pack as -o needs the name of a file: current value is ''");
    }
    const pipeline = program.script?.url ?? path;
    if (pipeline === undefined && include.length > 0) {
      throw new UsageError("Cannot use --include without a pipeline: name its module");
    }
    // Loaded when used, as the rest of furu.
    const [{ pack }, { pathOf }] = await Promise.all([
      import("../../pack/pack.ts"),
      import("../../core/paths.ts"),
    ]);
    const made = await pack({ output, include, pipeline: pipeline && pathOf(pipeline) });
    if (globals.json) io.out(`${JSON.stringify(made)}\n`);
    else if (!globals.quiet) {
      io.err(`Made ${made.path}: ${format(made.size)}, ${made.files} files and Deno ${Deno.version.deno}\n`);
    }
    return 0;
  },
});
