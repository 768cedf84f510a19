import { checkArtifacts, findLitter, type StoreFinding } from "../../tidy/check.ts";
import { removeAll } from "../../tidy/removal.ts";
import { keepOwner } from "../../tidy/remove_artifact.ts";
import { plural } from "../../ui/text.ts";
import { readPins } from "../../tidy/pins.ts";
import { defineCommand } from "../program/command.ts";
import { switchFlag } from "../program/flag.ts";
import { selectArtifacts } from "./select.ts";
import { openTidyStore } from "./tidy_store.ts";

/** So many findings of litter are named. */
const NAMED = 20;

/** `furu check`: looks for damage. */
export const checkCommand = defineCommand({
  args: () => "[TASK|PATTERN|HASH]...",
  arity: () => ({ least: 0, most: 1000 }),
  description: [
    "Opens every record and looks at its files: whether they were cut, edited or removed. For each that is " +
    "damaged it says what to do. Without arguments it also looks for claims of the dead and what they left.",
    "--fix settles dead claims, removes what surely is litter, and moves records that cannot be used away " +
    "(to .damaged.json), so that the next run computes them again.",
    "Exit codes: 0 nothing is damaged, or all of that was fixed; 1 something is damaged or cannot be read; " +
    "2 wrong use.",
  ],
  flags: {
    fix: switchFlag("Settle dead claims, remove litter, move damaged records away"),
  },
  examples: () => [
    ["", "the whole store"],
    ["'houses/*' --fix", "have what is damaged computed again"],
  ],
  async run({ args, flags, globals, io, engine }) {
    const tidy = await openTidyStore(engine);
    const { context, graph, inUse, runtime } = tidy;
    const { store } = context;
    const pins = await readPins(store);
    const selected = selectArtifacts(graph, { args, pins }, store.root);
    const looked = selected.filter(({ hasRecord }) => hasRecord).length;
    const findings = await checkArtifacts(context, selected, { runtime, inUse });
    if (args.length === 0) findings.push(...await findLitter(context, { graph, inUse }));
    const fixes = findings.flatMap(({ fix }) => fix ?? []);
    const fixed = new Set<unknown>();
    const errors: string[] = [];
    if (flags.fix) {
      const end = keepOwner(store);
      try {
        const report = await removeAll(fixes);
        for (const removal of report.removed) fixed.add(removal);
        errors.push(...report.failed.map(({ removal, error }) => `${removal.what}: ${error}`));
        errors.push(...report.kept.map(({ removal, why }) => `${removal.what} stays: ${why}`));
      } finally {
        await end();
      }
    }
    const isOpen = ({ kind, fix }: StoreFinding): boolean =>
      (kind === "damaged" || kind === "unreadable") && !(fix && fixed.has(fix));
    const open = findings.filter(isOpen).length;
    if (globals.json) {
      const list = findings.map(({ fix, ...finding }) => ({
        ...finding,
        fixed: fix !== undefined && fixed.has(fix),
      }));
      io.out(`${JSON.stringify({ looked, findings: list, errors })}\n`);
    } else {
      io.out(findingsText(findings, fixed));
      for (const error of errors) io.err(`${error}\n`);
      if (!globals.quiet) io.err(`${summaryOf(findings, looked, fixed.size)}\n`);
    }
    return open > 0 || errors.length > 0 ? 1 : 0;
  },
});

function findingsText(findings: readonly StoreFinding[], fixed: ReadonlySet<unknown>): string {
  const lines: string[] = [];
  let litter = 0;
  for (const { kind, name, hash, path, what, advice, fix } of findings) {
    if (kind === "litter" && ++litter > NAMED) continue;
    const label = name === undefined ? path : `${name}(${hash!.slice(0, 8)})`;
    lines.push(`${kind}  ${label}: ${what}`);
    lines.push(fix && fixed.has(fix) ? "  fixed" : `  ${advice}`);
  }
  if (litter > NAMED) lines.push(`litter  … ${litter - NAMED} more`);
  return lines.map((line) => `${line}\n`).join("");
}

function summaryOf(findings: readonly StoreFinding[], looked: number, fixed: number): string {
  const counts = [...Map.groupBy(findings, ({ kind }) => kind)].map(([kind, { length }]) =>
    `${length} ${kind}`
  );
  const what = counts.length === 0 ? "nothing to find fault with" : counts.join(", ");
  return `${plural(looked, "result")} looked at: ${what}${fixed > 0 ? `; ${fixed} fixed` : ""}`;
}
