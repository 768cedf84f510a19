import { UsageError } from "../../core/errors.ts";
import { systemClock } from "../../core/system/clock.ts";
import { runIds } from "../../status/run_ids.ts";
import { findRunId, type RunView, runView, withClusters } from "../../status/run_views.ts";
import type { Store } from "../../store/store.ts";
import { defineCommand } from "../program/command.ts";
import { switchFlag, valueFlag, wholeNumber } from "../program/flag.ts";
import { readableStore } from "../program/readable_store.ts";
import { runsText, runText } from "../view/status_text.ts";

const flags = {
  watch: switchFlag("Show the run (without one: the latest) again and again until it has ended", {
    short: "w",
    also: ["follow", "f"],
  }),
  limit: valueFlag("N", "At most so many runs (default: 15)", (text) => wholeNumber(text, 1), { short: "n" }),
};

/** Seconds between two looks of `--watch`. */
const WATCH_MS = 2000;

/** `furu status`: how runs are getting on. */
export const statusCommand = defineCommand({
  args: () => "[RUN|last]",
  arity: () => ({ least: 0, most: 1 }),
  description: [
    "Shows how runs are getting on, from any machine that sees the store: without an argument the latest " +
    "runs, a line each; of one run its counts by task, what is computed now and how far it is, the time " +
    "that is left, and the latest failures.",
    "RUN is a run's id, its beginning or its end; 'last' is the latest. It is told by what the run itself " +
    "writes down every two seconds; Slurm is not asked ('furu follow' does).",
  ],
  flags,
  examples: () => [
    ["", "the latest runs"],
    ["last", "all about the latest one"],
    ["last --watch", "the same until it has ended"],
    ["last --json", "for programs"],
  ],
  async run({ args, flags, globals, io, engine }) {
    const store = await readableStore(engine);
    const options = { color: io.color && !globals["no-color"], width: io.width };
    const [written = flags.watch ? "last" : undefined] = args;
    if (written === undefined) {
      const runs = await latest(store, flags.limit ?? 15);
      if (globals.json) io.out(`${JSON.stringify(runs)}\n`);
      else if (runs.length === 0) io.err(`there are no runs in ${store.root}\n`);
      else io.out(runsText(runs, Date.now(), options));
      return 0;
    }
    const runId = await findRunId(store, written);
    for (;;) {
      const seen = await runView(store, runId);
      if (!seen) {
        throw new UsageError(`Cannot show run '${runId}': its folder in ${store.root}/runs says nothing`);
      }
      const run = await withClusters(store, seen);
      const goesOn = run.state === "running" || run.state === "submitted" || run.state === "silent";
      if (globals.json) io.out(`${JSON.stringify(run)}\n`);
      else {
        // Home, and what is below is cleared: nothing flickers.
        const again = flags.watch && options.color ? "\x1b[H\x1b[J" : "";
        io.out(`${again}${runText(run, Date.now(), options)}`);
      }
      if (!flags.watch || !goesOn) return run.state === "failed" || run.state === "died" ? 1 : 0;
      await systemClock.sleep(WATCH_MS);
    }
  },
});

async function latest(store: Store, most: number): Promise<RunView[]> {
  const runs: RunView[] = [];
  for (const id of await runIds(store)) {
    const run = await runView(store, id);
    if (run) runs.push(run);
    if (runs.length === most) break;
  }
  return runs;
}
