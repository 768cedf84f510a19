/**
 * Steps that are external programs. What they print goes to the log of their attempt.
 *
 * With `main` this file is a whole command-line program: `deno run -A examples/program.ts run`, `... plan`, `--help`.
 * `deno run -A cli.ts run examples/program.ts#broken` shows what a failing step looks like.
 */
import { defineTask, get, main, z } from "@furu/furu";

/** Simulated dice: the output of `awk` becomes a file of the artifact. */
export const Rolls = defineTask({
  name: "program/Rolls",
  params: z.object({ count: z.int().min(1), seed: z.int() }),
  create: async ({ params: { count, seed }, dir, run }) => {
    const rolls = `${dir}/rolls.txt`;
    const program = "BEGIN { srand(seed); for (i = 0; i < count; i++) print int(rand() * 6) + 1 }";
    await run(["awk", "-v", `count=${count}`, "-v", `seed=${seed}`, program], { stdout: rolls });
    return rolls;
  },
});

/** Sorts the rolls: the path in the other artifact's value leads to its file. */
export const Sorted = defineTask({
  name: "program/Sorted",
  params: z.object({ rolls: Rolls.schema }),
  create: async ({ params, dir, run }) => {
    const sorted = `${dir}/sorted.txt`;
    await run(["sort", "-n", await get(params.rolls)], { stdout: sorted, env: { LC_ALL: "C" } });
    return sorted;
  },
});

/** Counts each face; here the output is wanted as text. */
export const Faces = defineTask({
  name: "program/Faces",
  params: z.object({ sorted: Sorted.schema }),
  create: async ({ params, run, log }) => {
    const output = await run(["uniq", "-c", await get(params.sorted)], { stdout: "text" });
    const faces = Object.fromEntries(
      output.trim().split("\n").map((line) => {
        const [count, face] = line.trim().split(/\s+/);
        return [face!, Number(count)];
      }),
    );
    log.info("counted", faces);
    return faces;
  },
});

/** Fails: the error carries the command, its exit code and the end of what it said. */
export const Broken = defineTask({
  name: "program/Broken",
  params: z.object({ code: z.int().min(1).max(125) }),
  create: async ({ params, run }) => {
    await run(["sh", "-c", `echo "the dice fell off the table" >&2; exit ${params.code}`]);
  },
});

const roots = [1, 2].map((seed) => Faces({ sorted: Sorted({ rolls: Rolls({ count: 600, seed }) }) }));
export default roots;

export const broken = Broken({ code: 3 });

if (import.meta.main) await main(import.meta, roots);
