import { configure, get } from "@furu/furu";
import { artifactPaths } from "../lib/store/layout.ts";
import type { Bench, Row } from "./bench.ts";
import { Folder } from "./folder.ts";
import { medianMs } from "./measure.ts";
import { tiny } from "./pipeline.ts";
import { storeAll } from "./store_all.ts";

const ARTIFACTS = 200;

/** `get` on stored small values, beside reading and parsing the same files by hand. */
export const getBench: Bench = {
  name: "get",
  description: "get on a stored small value",
  async run({ quick }): Promise<Row[]> {
    await using folder = new Folder();
    const root = folder.at("store");
    configure({ root });
    const artifacts = tiny(ARTIFACTS);
    await storeAll(root, artifacts);
    const paths = artifacts.map((artifact) => artifactPaths(root, artifact).record);
    const turns = quick ? 5 : 20;
    const each = async <T>(items: readonly T[], read: (item: T) => unknown): Promise<number> => {
      const ms = await medianMs(async () => {
        for (let turn = 0; turn < turns; turn++) for (const item of items) await read(item);
      }, { warmUp: 2 });
      return ms * 1000 / (turns * items.length);
    };
    const unit = "µs each";
    const furu = { value: await each(artifacts, (artifact) => get(artifact)), unit };
    const async = await each(paths, async (path) => JSON.parse(await Deno.readTextFile(path)));
    const sync = await each(paths, (path) => JSON.parse(Deno.readTextFileSync(path)));
    const what = "get, a stored small value";
    const aim = "below 5x";
    return [
      { what, furu, reference: { value: async, unit, tool: "JSON.parse(await readTextFile)" }, aim },
      { what, furu, reference: { value: sync, unit, tool: "JSON.parse(readTextFileSync)" }, aim },
    ];
  },
};
