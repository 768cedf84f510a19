import { join } from "@std/path/join";
import { FuruError, UsageError } from "../../core/errors.ts";
import { artifactLabel } from "../../core/hash.ts";
import { didYouMean } from "../../core/nearest.ts";
import { attemptPaths } from "../../store/layout.ts";
import { readRecord } from "../../store/read_record.ts";
import { table } from "../../ui/table.ts";
import { bytesText } from "../../ui/text.ts";
import { defineCommand } from "../program/command.ts";
import { switchFlag } from "../program/flag.ts";
import { openWithProgram } from "../program/open_with_program.ts";
import { readableStore } from "../program/readable_store.ts";
import { findReference } from "../roots/find_reference.ts";

const flags = {
  path: switchFlag("Print where the file is instead of opening it"),
  cat: switchFlag("Write what is in the file to stdout"),
};

/** `furu open`: the files of a result. */
export const openCommand = defineCommand({
  args: () => "HASH [FILE]",
  arity: () => ({ least: 1, most: 2 }),
  description: [
    "Opens a file of a result with the program that this machine has for it (xdg-open, open); where there " +
    "is none, or no display, its path is printed. Without FILE the files are listed, with their sizes.",
    "What is opened is the stored file: to change it damages the result.",
  ],
  flags,
  examples: () => [
    ["4f0c12ab", "lists the files of a result"],
    ["4f0c12ab plot.png", "opens one of them"],
    ["4f0c12ab rows.csv --cat | head", "writes it to stdout"],
  ],
  async run({ args, flags, globals, io, program, engine }) {
    const [written = "", name] = args;
    const found = await findReference({ args: [written], io, program, engine });
    const store = await readableStore(engine);
    const paths = store.paths(found);
    const record = await readRecord(store, paths);
    const label = artifactLabel(found.name, found.hash);
    if (!record) throw new FuruError(`Cannot open a file of ${label}: it has no result`);
    const folder = attemptPaths(paths, { n: record.attempt, id: record.id }).files;
    const sizes = record.files ? record.sizes ?? {} : {};
    if (name === undefined) {
      const rows = Object.entries(sizes).map(([file, size]) => [bytesText(size), file]);
      if (globals.json) {
        const files = Object.entries(sizes).map(([file, bytes]) => ({
          file,
          bytes,
          path: join(folder, file),
        }));
        io.out(`${JSON.stringify(files)}\n`);
      } else if (rows.length > 0) io.out(`${table(rows, { right: [0], width: io.width }).join("\n")}\n`);
      else io.err(`the result of ${label} has no files of its own\n`);
      return 0;
    }
    const path = join(folder, name);
    if (!path.startsWith(`${folder}/`)) {
      throw new UsageError(`Cannot open '${name}': only files of the result are`);
    }
    const info = await store.machine.files.stat(path);
    if (!info) {
      const names = Object.keys(sizes);
      const hint = didYouMean(name, names) ||
        (names.length === 0 ? ": it has none" : `: it has ${names.slice(0, 10).join(", ")}`);
      throw new FuruError(`Cannot find '${name}' among the files of ${label}${hint}`);
    }
    if (globals.json) io.out(`${JSON.stringify({ file: name, bytes: info.size, path })}\n`);
    else if (flags.cat) {
      await (await Deno.open(path)).readable.pipeTo(Deno.stdout.writable, { preventClose: true });
    } else if (flags.path || !await openWithProgram(path)) io.out(`${path}\n`);
    return 0;
  },
});
