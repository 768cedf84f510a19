import { ANY_ARTIFACT, findArtifacts, parsePattern, taskNamesOf } from "../../catalog/find_artifacts.ts";
import { FuruError } from "../../core/errors.ts";
import { didYouMean } from "../../core/nearest.ts";
import { style } from "../../ui/style.ts";
import { table } from "../../ui/table.ts";
import { bytesText } from "../../ui/text.ts";
import { type Amount, type StoreUsage, usageBesides, usageOfTasks } from "../../tidy/usage.ts";
import { defineCommand } from "../program/command.ts";
import { readableStore } from "../program/readable_store.ts";

/** `furu du`: what takes how much. */
export const duCommand = defineCommand({
  args: () => "[TASK|PATTERN|HASH]...",
  arity: () => ({ least: 0, most: 1000 }),
  description: [
    "Shows what takes how much, the largest task first: results, failures with their logs, checkpoints, " +
    "replaced results; and runs, snapshots and owner files. What a record tells of its files is believed.",
    "--json has bytes and counts of each.",
  ],
  flags: {},
  examples: () => [
    ["", "the whole store"],
    ["'houses/*'", "some tasks"],
  ],
  async run({ args, globals, io, engine }) {
    const store = await readableStore(engine);
    const names = await taskNamesOf(store);
    const found = args.length === 0
      ? await findArtifacts(store, ANY_ARTIFACT)
      : (await Promise.all(args.map(async (arg) => {
        const some = await findArtifacts(store, parsePattern(arg, names));
        if (some.length > 0) return some;
        throw new FuruError(`Cannot find anything of '${arg}' in ${store.root}${didYouMean(arg, names)}`);
      }))).flat();
    const once = [...new Map(found.map((each) => [each.hash, each])).values()];
    const tasks = (await usageOfTasks(store, once)).sort((a, b) => b.bytes - a.bytes);
    const besides = args.length === 0 ? await usageBesides(store) : undefined;
    const all = [...tasks, ...Object.values(besides ?? {})];
    const bytes = all.reduce((sum, each) => sum + each.bytes, 0);
    const usage: StoreUsage = { tasks, ...besides, bytes };
    if (globals.json) io.out(`${JSON.stringify(usage)}\n`);
    else io.out(usageText(usage, { color: io.color && !globals["no-color"], width: io.width }));
    return 0;
  },
});

function usageText(
  { tasks, runs, snapshots, owners, private: left, bytes }: StoreUsage,
  { color, width }: { color: boolean; width: number | undefined },
): string {
  const shown = ({ bytes, count }: Amount): string => bytes === 0 && count === 0 ? "" : bytesText(bytes);
  const rows = tasks.map((task) => [
    task.name,
    `${task.artifacts}`,
    shown(task.results),
    shown(task.failures),
    shown(task.checkpoints),
    shown(task.replaced),
    shown(task.other),
    bytesText(task.bytes),
  ]);
  const besides: [string, Amount | undefined][] = [
    ["(runs)", runs],
    ["(snapshots)", snapshots],
    ["(owner files)", owners],
    ["(private names)", left],
  ];
  for (const [name, amount] of besides) {
    if (amount && amount.count > 0) {
      rows.push([name, `${amount.count}`, "", "", "", "", "", bytesText(amount.bytes)]);
    }
  }
  rows.push(["all", "", "", "", "", "", "", bytesText(bytes)]);
  const head = ["TASK", "COUNT", "RESULTS", "FAILURES", "CHECKPOINTS", "REPLACED", "OTHER", "BYTES"];
  // A column without anything says nothing.
  const filled = head.map((_, i) => i < 2 || i === head.length - 1 || rows.some((row) => row[i] !== ""));
  const only = (row: readonly string[]): string[] => row.filter((_, i) => filled[i]);
  const columns = only(head);
  const [first = "", ...lines] = table(rows.map(only), {
    head: columns,
    right: columns.flatMap((_, i) => i === 0 ? [] : [i]),
    width,
  });
  return [style(color).strong(first), ...lines, ""].join("\n");
}
