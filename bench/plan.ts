/**
 * Planning layered graphs of 10,000 and 100,000 nodes with three dependencies each, beside `ninja -n` on the same
 * graph where ninja is installed. Run: `deno run -A bench/plan.ts`. Times are the best of five, in µs a node.
 *
 * @module
 */
import { join } from "@std/path/join";
import { plan } from "../lib/plan/graph.ts";
import { ARTIFACT, type Artifact } from "../lib/task/artifact.ts";
import { FakeSource, layeredGraph } from "../tests/plan/fake_graph.ts";

const ROUNDS = 5;

async function best(work: () => Promise<unknown>): Promise<number> {
  let least = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const begin = performance.now();
    await work();
    least = Math.min(least, performance.now() - begin);
  }
  return least;
}

async function planned(roots: readonly Artifact[], source: FakeSource): Promise<void> {
  const made = await plan(roots, source);
  made.ready();
  made.order();
}

/** `ninja -n` over the same graph; `undefined` where there is no ninja. */
async function ninja(all: readonly Artifact[], stored: boolean): Promise<number | undefined> {
  const dir = await Deno.makeTempDir({ prefix: "furu-bench-" });
  try {
    // `generator` makes ninja trust files that it has no log of, so that "all stored" needs no real build.
    let text = "rule r\n  command = true $out\n  generator = 1\n";
    for (const artifact of all) {
      text += `build o/${artifact.hash}: r ${
        artifact[ARTIFACT].dependencies.map((d) => `o/${d.hash}`).join(" ")
      }\n`;
    }
    await Deno.writeTextFile(join(dir, "build.ninja"), text);
    await Deno.mkdir(join(dir, "o"));
    if (stored) { for (const { hash } of all) await Deno.writeTextFile(join(dir, "o", hash), ""); }
    return await best(async () => {
      const { success } = await new Deno.Command("ninja", {
        args: ["-n", "--quiet"],
        cwd: dir,
        stdout: "null",
      })
        .output();
      if (!success) throw new Error("ninja failed");
    });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function row(label: string, nodes: number, ms: number, peer: number | undefined): void {
  const each = (time: number) => `${(time * 1000 / nodes).toFixed(2)} µs`;
  const beside = peer === undefined ? "" : `   ninja -n ${each(peer)}   ratio ${(ms / peer).toFixed(2)}`;
  console.log(`${label.padEnd(36)} ${each(ms).padStart(9)} a node${beside}`);
}

for (const count of [10_000, 100_000]) {
  const { roots, all } = layeredGraph(count);
  const everything = new FakeSource().done(...all.slice(0));
  const lowest = new FakeSource().done(...all.slice(0, count / 10));
  const nothing = new FakeSource();
  const size = count.toLocaleString("en");
  row(`${size}, nothing stored`, count, await best(() => planned(roots, nothing)), await ninja(all, false));
  row(`${size}, lowest layer stored`, count, await best(() => planned(roots, lowest)), undefined);
  row(
    `${size}, everything stored`,
    count,
    await best(() => planned(roots, everything)),
    await ninja(all, true),
  );
}
