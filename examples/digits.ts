/**
 * A sweep on real data: handwritten digits, 30 small classifiers, the best one by validation.
 *
 * `deno run -A examples/digits.ts` computes what is missing, in parallel; the second time all is loaded.
 */
import { defineTask, get, grid, runLocal, z } from "@furu/furu";
import { renderChart } from "./digits/chart.ts";
import { loadImages, seededRandom, split } from "./digits/images.ts";
import { accuracy, train } from "./digits/softmax.ts";

/** The images in three parts. Typed arrays are stored as files of raw bytes beside the result. */
export const Dataset = defineTask({
  name: "digits/Dataset",
  params: z.object({ seed: z.int().default(1), held: z.int().min(1).max(4000).default(1500) }),
  create: async ({ params: { seed, held } }) => {
    const all = await loadImages();
    const sizes = [all.labels.length - 2 * held, held, held];
    const [training, validation, test] = split(all, sizes, seededRandom(seed));
    return { training: training!, validation: validation!, test: test! };
  },
});

/** One classifier. The dataset is a parameter: its hash is part of this one's hash. */
export const Train = defineTask({
  name: "digits/Train",
  params: z.object({
    data: Dataset.schema,
    lr: z.number().positive(),
    l2: z.number().min(0),
    seed: z.int(),
    epochs: z.int().min(1).default(6),
  }),
  create: async ({ params, log, progress }) => {
    const { training, validation } = await get(params.data); // loaded: a run computes dependencies first
    const weights = train(training, {
      ...params,
      random: seededRandom(params.seed),
      onEpoch: (epoch, weights) => {
        const share = accuracy(weights, validation);
        log.info(`epoch ${epoch}`, { validation: share });
        progress(epoch / params.epochs, `validation ${share.toFixed(3)}`);
      },
    });
    return { weights, validation: accuracy(weights, validation) };
  },
});

/** Compares all runs, and only then looks at the test images, with the one that validation chose. */
export const Report = defineTask({
  name: "digits/Report",
  params: z.object({ data: Dataset.schema, runs: z.array(Train.schema).min(1) }),
  create: async ({ params, dir, log }) => {
    const results = await Promise.all(params.runs.map(async (run) => {
      const { weights, validation } = await get(run);
      const { lr, l2, seed } = run.params;
      return { row: { lr, l2, seed, validation }, weights };
    }));
    results.sort((a, b) => b.row.validation - a.row.validation);
    const best = results[0]!;
    const { test } = await get(params.data);
    const testAccuracy = accuracy(best.weights, test);
    log.info("chosen by validation", { ...best.row, test: testAccuracy });

    const leaderboard = results.map(({ row }) => row);
    const chart = `${dir}/sweep.svg`; // files that are kept go into the artifact's own folder
    await Deno.writeTextFile(chart, renderChart(leaderboard));
    return { leaderboard, testAccuracy, chart };
  },
});

const data = Dataset();
const sweep = grid({ lr: [0.01, 0.03, 0.1, 0.3, 1], l2: [0, 0.001, 0.01], seed: [1, 2] });
const report = Report({ data, runs: sweep.map((point) => Train({ data, ...point })) });

export default report; // what `furu run examples/digits.ts` runs

if (import.meta.main) {
  await runLocal([report]);
  const { leaderboard, testAccuracy, chart } = await get(report);
  console.log(`The best of ${leaderboard.length} runs by validation accuracy:`);
  console.table(leaderboard.slice(0, 8));
  console.log(`The first one on the test images: ${(testAccuracy * 100).toFixed(1)} % are recognised`);
  console.log(`Accuracy over the sweep: ${chart}`);
}
