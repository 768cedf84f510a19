import { type Artifact, configure, plan } from "@furu/furu";
import { ARTIFACT } from "../lib/task/artifact/artifact.ts";
import { type Bench, type BenchContext, count, type Row } from "./bench.ts";
import { Folder } from "./folder.ts";
import { layeredArtifacts } from "./layers.ts";
import { medianMs } from "./measure.ts";
import { runProcess } from "./process.ts";
import { storeAll } from "./store_all.ts";

/** Planning layered graphs over a real store, beside `ninja -n` over the same graph with real files. */
export const planBench: Bench = {
  name: "plan",
  description: "planning layered graphs, three dependencies each, nothing and everything stored",
  async run(context): Promise<Row[]> {
    context.note(
      "plan: the artifacts are made before (see `artifacts`); ninja's figure is its whole process. " +
        "With everything stored furu stops at the roots, a tenth of the nodes.",
    );
    const rows = await planRows(context, 10_000, 11, true);
    return [...rows, ...await planRows(context, 100_000, 16, !context.quick)];
  },
};

async function planRows(
  context: BenchContext,
  nodes: number,
  ninjaUs: number,
  withStored: boolean,
): Promise<Row[]> {
  await using folder = new Folder();
  const root = folder.at("store");
  configure({ root });
  const { roots, all } = layeredArtifacts(nodes);
  const rounds = context.quick ? 2 : 5;
  const ninja = context.peers.has("ninja") ? await ninjaProject(folder, all) : undefined;
  const row = async (state: string): Promise<Row> => {
    const eachUs = async (work: () => unknown) => (await medianMs(work, { rounds })) * 1000 / nodes;
    const unit = "µs a node";
    const furu = { value: await eachUs(() => planned(roots)), unit };
    const reference = ninja && { value: await eachUs(ninja.check), unit, tool: "ninja -n" };
    return {
      what: `plan ${count(nodes)} nodes, ${state} stored`,
      furu,
      ...(reference === undefined ? {} : { reference }),
      aim: `below ninja -n (${ninjaUs} µs), linear`,
    };
  };
  const rows = [await row("nothing")];
  if (!withStored) return rows;
  await storeAll(root, all.slice(0, all.length / 10));
  rows.push({ ...await row("lowest layer"), aim: "" });
  await storeAll(root, all);
  ninja?.build();
  rows.push(await row("everything"));
  return rows;
}

async function planned(roots: readonly Artifact[]): Promise<void> {
  const made = await plan(roots);
  made.ready();
  made.order();
}

interface NinjaProject {
  /** Runs `ninja -n`. */
  check: () => Promise<unknown>;
  /** Makes all the files. */
  build: () => void;
}

/** The same graph as a project of ninja's; nothing is built at first. */
async function ninjaProject(folder: Folder, all: readonly Artifact[]): Promise<NinjaProject> {
  // `generator` makes ninja trust files that it has no log of, so that "all stored" needs no real build.
  let text = "rule r\n  command = true $out\n  generator = 1\n";
  for (const artifact of all) {
    text += `build o/${artifact.hash}: r ${
      artifact[ARTIFACT].dependencies.map((d) => `o/${d.hash}`).join(" ")
    }\n`;
  }
  folder.write("build.ninja", text);
  await folder.clear("o");
  return {
    check: () => runProcess(["ninja", "-n", "--quiet"], { cwd: folder.path }),
    build: () => {
      for (const { hash } of all) folder.write(`o/${hash}`, "");
    },
  };
}
