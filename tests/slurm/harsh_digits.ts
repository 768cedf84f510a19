import { get, grid, runSlurm } from "@furu/furu";
import { Dataset, Report, Train } from "../../examples/digits.ts";

/** The demo's sweep with few points, as Slurm jobs; prints the summary and what came out. */
if (import.meta.main) {
  const data = Dataset({ held: 500 });
  const points = grid({ lr: [0.03, 0.3], l2: [0], seed: [1] });
  const report = Report({ data, runs: points.map((point) => Train({ data, epochs: 1, ...point })) });
  const summary = await runSlurm([report], {
    mode: "dag",
    specs: { default: { timeMin: 5 } },
    squeueIntervalSec: 0.5,
    progress: "plain",
  });
  const { leaderboard, testAccuracy, chart } = await get(report);
  console.log(JSON.stringify({ summary, leaderboard, testAccuracy, chart }));
}
