import { attemptsOf, type ResourceUsage, RunSpecs, usageOf } from "../../catalog/usage.ts";
import type { Spread } from "../../task/artifact/spread.ts";
import { formatDuration } from "../../ui/duration.ts";
import { style } from "../../ui/style.ts";
import { table } from "../../ui/table.ts";
import { bytesText, plural } from "../../ui/text.ts";
import { defineCommand } from "../program/command.ts";
import { catalogOf, readableStore } from "../program/readable_store.ts";
import { findSelected, selectionFlags, statusAndTime, whereCondition } from "../roots/selection.ts";

const { where, since } = selectionFlags;
const flags = { where, since };

/** `furu usage`: what attempts took, and what to ask for. */
export const usageCommand = defineCommand({
  args: () => "[TASK|PATTERN|HASH]...",
  arity: () => ({ least: 0, most: 1000 }),
  description: [
    "Sums up, for each task and spec, what attempts took: time, memory and processors, as median, 95 % and most; " +
    "what the spec asked for, in the latest run on Slurm; and what would do for one attempt, with 20 % to spare. " +
    "The most is that of failed attempts, too.",
    "Memory is that of the process that computes, up to then: of a process that makes several tasks the greatest " +
    "counts for all that follow. Programs that tasks start are not in it, which is said where there were any; their " +
    "processor time is. A worker of a pool makes many attempts, and needs time for all of them. Processor time is " +
    "known of attempts of 50 ms and more.",
  ],
  flags,
  examples: () => [
    ["houses/Train", "one task"],
    ["--since 7d --json", "all of the last week, for programs"],
  ],
  async run({ args, flags, globals, io, engine }) {
    const store = await readableStore(engine);
    const where = whereCondition(flags.where);
    const catalog = catalogOf(store);
    const isWanted = statusAndTime({ status: undefined, since: flags.since });
    const found = await findSelected(store, args, catalog.list);
    const entries = (await catalog.entries(found, { where })).filter(isWanted);
    const runs = new RunSpecs(store);
    const usages: ResourceUsage[] = [];
    for (const [task, all] of await attemptsOf(store, found, entries, (text) => io.err(`${text}\n`))) {
      const specs = await Promise.all(all.map((attempt) => runs.specOf(attempt)));
      for (const [spec, attempts] of Map.groupBy(all, (_, i) => specs[i])) {
        const asked = spec === undefined ? undefined : await runs.asked(spec, attempts);
        usages.push(usageOf({ task, spec, asked, attempts }));
      }
    }
    if (globals.json) io.out(`${JSON.stringify(usages)}\n`);
    else {io.out(
        usages.map((usage) => usageText(usage, io.color && !globals["no-color"], io.width)).join("\n"),
      );}
    if (usages.length === 0) io.err(`no attempts of that are in ${store.root}\n`);
    await catalog.keep();
    return 0;
  },
});

function usageText(usage: ResourceUsage, color: boolean, width: number | undefined): string {
  const { task, spec, attempts, failed, asked = {}, wouldDo, programs } = usage;
  const title = [
    style(color).strong(task),
    ...(spec === undefined ? [] : [`spec ${spec}`]),
    `${plural(attempts, "attempt")}${failed === 0 ? "" : `, ${failed} failed`}`,
  ];
  const row = (
    what: string,
    spread: Spread | undefined,
    text: (value: number) => string,
    field: "timeMin" | "memGb" | "cpus",
  ): string[] => [
    what,
    ...(spread ? [spread.median, spread.p95, spread.most].map(text) : ["", "", ""]),
    ...[asked[field], wouldDo[field]].map((value) => value === undefined ? "" : `${field}: ${value}`),
  ];
  const lines = table([
    row("time", usage.durationMs, formatDuration, "timeMin"),
    row("memory", usage.peakMemoryBytes, bytesText, "memGb"),
    row("processors", usage.cpus, (value) => value.toFixed(2), "cpus"),
  ], { head: ["", "MEDIAN", "95 %", "MOST", "ASKED FOR", "WOULD DO"], right: [1, 2, 3], width });
  const note = programs ? "programs computed, too: their memory is not known, ask for as much more\n" : "";
  return `${title.join("  ")}\n${lines.join("\n")}\n${note}`;
}
