import { FuruError } from "../../core/errors.ts";
import { plural } from "../../ui/text.ts";
import type { StoredArtifact } from "../../tidy/graph.ts";
import type { InUse } from "../../tidy/in_use.ts";
import { type Removal, type RemovalReport, removeAll } from "../../tidy/removal.ts";
import { keepOwner, removeEmptyTasks } from "../../tidy/remove_artifact.ts";
import type { FlagValues, GlobalFlags } from "../program/flag.ts";
import type { Io } from "../program/io.ts";
import { goingTasks, planText, removalCounts, type Staying, stayText } from "./removal_text.ts";
import type { TidyStore } from "./tidy_store.ts";

/** Words of a command that changes what is stored. */
export interface ApplyWords {
  /** What `--apply` does, as `removes`. */
  readonly does: string;
  /** What was done, as `removed`. */
  readonly done: string;
}

/** What a command wants to do. */
export interface Intent {
  /** What is to go. */
  readonly removals: readonly Removal[];
  /** Artifacts that were meant and stay. */
  readonly staying: readonly Staying[];
  /** Whether to do it; else it is only shown. */
  readonly apply: boolean;
  /** Whether it is a failure when something stays that was meant. */
  readonly mustAll: boolean;
  /** Its words. */
  readonly words: ApplyWords;
}

/**
 * Divides artifacts into those that may go and those that stay.
 *
 * @throws {FuruError} If that cannot be told.
 */
export function divide(
  artifacts: readonly StoredArtifact[],
  { reasons, unread }: Pick<InUse, "reasons" | "unread">,
): { going: StoredArtifact[]; staying: Staying[] } {
  if (unread && artifacts.length > 0) {
    throw new FuruError(
      `Cannot tell what run ${unread.runId} uses, which may go on: ${unread.fault}; ` +
        `when it is over, move ${unread.dir} away`,
    );
  }
  const going: StoredArtifact[] = [];
  const staying: Staying[] = [];
  for (const artifact of artifacts) {
    const { name, hash } = artifact;
    const reason = reasons.get(hash);
    if (reason) staying.push({ name, hash, why: reason.text });
    else going.push(artifact);
  }
  return { going, staying };
}

/**
 * Shows what would go or, with `--apply`, does it and tells what became of it.
 *
 * @returns The exit code.
 */
export async function showOrApply(
  { context, graph, inUse }: TidyStore,
  { removals, staying, apply, mustAll, words }: Intent,
  { io, globals }: { io: Io; globals: FlagValues<GlobalFlags> },
): Promise<number> {
  const options = { color: io.color && !globals["no-color"], width: io.width };
  const tasks = goingTasks(removals, graph);
  const bytes = removals.reduce((sum, each) => sum + each.bytes, 0);
  const plan = {
    apply,
    bytes,
    tasks,
    other: removals.filter(({ kind }) => kind !== "artifact").map(itemOf),
    staying,
    notes: inUse.notes,
  };
  if (!globals.json) {
    if (!globals.quiet) io.out(planText(removals, graph, options));
    if (!globals.quiet) io.err(stayText(staying));
    for (const note of removals.length > 0 ? inUse.notes : []) io.err(`note: ${note}\n`);
  }
  if (!apply) {
    if (globals.json) io.out(`${JSON.stringify(plan)}\n`);
    else if (removals.length === 0) io.err("nothing to do\n");
    else io.err(`nothing was changed: --apply ${words.does} ${removalCounts(removals)}\n`);
    return 0;
  }
  const report = await applied(context.store, removals);
  await removeEmptyTasks(context.store, new Set(report.removed.flatMap(({ name }) => name ?? [])));
  tellReport(report, { plan, words, io, globals });
  const stays = staying.length + report.kept.length;
  return report.failed.length > 0 || mustAll && stays > 0 ? 1 : 0;
}

async function applied(
  store: TidyStore["context"]["store"],
  removals: readonly Removal[],
): Promise<RemovalReport> {
  const end = keepOwner(store);
  try {
    return await removeAll(removals);
  } finally {
    await end();
  }
}

function tellReport(
  { removed, kept, failed, open }: RemovalReport,
  { plan, words, io, globals }: {
    plan: object;
    words: ApplyWords;
    io: Io;
    globals: FlagValues<GlobalFlags>;
  },
): void {
  if (globals.json) {
    const report = {
      ...plan,
      removed: removed.map(itemOf),
      kept: kept.map(({ removal, why }) => ({ ...itemOf(removal), why })),
      failed: failed.map(({ removal, error }) => ({ ...itemOf(removal), error })),
      open,
    };
    io.out(`${JSON.stringify(report)}\n`);
    return;
  }
  for (const { removal, why } of kept) io.err(`stays: ${removal.what}: ${why}\n`);
  for (const { removal, error } of failed) io.err(`${removal.what}: ${error}\n`);
  if (open > 0) {
    io.err(
      `${
        plural(open, "file")
      } that somebody has open go when they are closed, or with a later 'furu gc --apply'\n`,
    );
  }
  if (failed.length > 0) io.err(`${failed.length} could not be ${words.done}, or not as a whole\n`);
  if (!globals.quiet) {
    io.out(
      removed.length === 0 ? `nothing was ${words.done}\n` : `${words.done} ${removalCounts(removed)}\n`,
    );
  }
}

function itemOf({ kind, name, hash, what, bytes }: Removal): Record<string, unknown> {
  return { kind, ...(name === undefined ? {} : { name, hash }), what, bytes };
}
