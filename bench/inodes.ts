import { walk } from "@std/fs/walk";
import { type Bench, count, type Row } from "./bench.ts";
import { Folder } from "./folder.ts";
import { PIPELINE, runFuru } from "./furu.ts";

/** Files and folders that a store has for each tiny artifact after a run. */
export const inodesBench: Bench = {
  name: "inodes",
  description: "files and folders of the store for each tiny artifact",
  async run({ quick }): Promise<Row[]> {
    const size = quick ? 200 : 1000;
    await using folder = new Folder();
    const root = folder.at("store");
    await runFuru(root, "run", `${PIPELINE}#tiny_${size}`, "--workers", "2", "--quiet");
    let files = 0, folders = 0;
    for await (const { isDirectory } of walk(root)) isDirectory ? folders++ : files++;
    return [{
      what: `inodes, ${count(size)} tiny artifacts`,
      furu: { value: files / size, unit: "files each", over: `and ${folders} folders in all` },
      reference: { value: 1, unit: "file each", tool: "a file by hand" },
      aim: "1.0 plus folders of task names",
    }];
  },
};
