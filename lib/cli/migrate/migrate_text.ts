import { shownParams } from "../../task/artifact/identity.ts";
import type { AppliedMigration } from "../../migrate/apply_migration.ts";
import type { PlannedMigration } from "../../migrate/plan_migrations.ts";
import { type FlatParams, flatParams, paramsLine } from "../../ui/params_text.ts";
import { style } from "../../ui/style.ts";
import { table } from "../../ui/table.ts";
import { oneLine, plural } from "../../ui/text.ts";
import { paramsJson } from "../view/value_text.ts";

/** A result, and what is, or was, done with it. */
export interface MigrationRow {
  /** What was found out. */
  readonly planned: PlannedMigration;
  /** How it ended, where it was applied. */
  readonly applied?: AppliedMigration | undefined;
}

/** The state of a row, as lists and `--json` name it. */
export type RowStatus = PlannedMigration["status"] | AppliedMigration["status"];

/** What has become of a result. */
export function rowStatus({ planned, applied }: MigrationRow): RowStatus {
  return applied?.status ?? planned.status;
}

/** Options of {@link migrationsText}. */
export interface MigrationsTextOptions {
  /** Use colours. */
  color: boolean;
  /** Most columns of a line; `undefined` for no limit. */
  width: number | undefined;
}

/** So many results of a task are listed. */
const MOST_LISTED = 50;
/** The order of a list: what can be done first. */
const ORDER: readonly RowStatus[] = ["ready", "migrated", "held", "refused", "exists", "left"];

/** The results, a table for each task that they are from and the one whose they become. */
export function migrationsText(rows: readonly MigrationRow[], options: MigrationsTextOptions): string {
  const paint = style(options.color);
  const groups = Map.groupBy(rows, ({ planned: { from, task } }) => {
    const [was, is] = [from.version, task.version].map((version) =>
      version === undefined ? "" : ` v${version}`
    );
    return `${from.name}${was} -> ${task.name}${is}`;
  });
  const parts = [...groups].map(([title, group]) => {
    const sorted = group.toSorted((a, b) => ORDER.indexOf(rowStatus(a)) - ORDER.indexOf(rowStatus(b)));
    const lines = table(
      sorted.slice(0, MOST_LISTED).map((row) => [
        row.planned.from.hash.slice(0, 8),
        newHash(row)?.slice(0, 8) ?? "-",
        rowStatus(row),
        whyOf(row) ?? changesText(row),
      ]),
      { head: ["OLD", "NEW", "STATUS", "WHAT CHANGES, OR WHY NOT"], width: options.width },
    );
    const rest = sorted.length - MOST_LISTED;
    return [
      `${paint.strong(title)}  ${plural(group.length, "result")}`,
      ...lines,
      ...(rest > 0 ? [paint.faint(`… and ${rest} more (--json shows all)`)] : []),
    ].join("\n");
  });
  return parts.map((part) => `${part}\n`).join("\n");
}

/** The same for programs. Names of fields stay. */
export function migrationJson(row: MigrationRow): Record<string, unknown> {
  const { planned: { from, task } } = row;
  const { name, hash, version, createdAt } = from;
  const to = newHash(row);
  const why = whyOf(row);
  return {
    status: rowStatus(row),
    from: {
      name,
      hash,
      ...(version === undefined ? {} : { version }),
      createdAt,
      params: paramsJson(from.params),
    },
    to: {
      name: task.name,
      ...(task.version === undefined ? {} : { version: task.version }),
      ...(to === undefined ? {} : { hash: to, params: paramsJson(newParams(row)) }),
    },
    ...(why === undefined ? {} : { why }),
  };
}

/** How many of each there are, in words: `12 can be migrated, 1 refused`. */
export function migrationCounts(rows: readonly MigrationRow[]): string {
  const counts = new Map<RowStatus, number>();
  for (const row of rows) counts.set(rowStatus(row), (counts.get(rowStatus(row)) ?? 0) + 1);
  const words: Record<RowStatus, string> = {
    ready: "can be migrated",
    migrated: "migrated",
    held: "left alone as they are being computed",
    refused: "refused",
    exists: "stored already",
    left: "left out by their migration",
  };
  return ORDER.flatMap((status) => counts.has(status) ? [`${counts.get(status)} ${words[status]}`] : []).join(
    ", ",
  );
}

function newHash({ planned }: MigrationRow): string | undefined {
  return "artifact" in planned ? planned.artifact?.hash : undefined;
}

function newParams({ planned }: MigrationRow): unknown {
  return "artifact" in planned && planned.artifact ? shownParams(planned.artifact) : undefined;
}

function whyOf({ planned, applied }: MigrationRow): string | undefined {
  if (applied) return "why" in applied ? applied.why : undefined;
  return planned.status === "refused" ? planned.why : undefined;
}

/** What differs: `lr=0.1 -> optimizer.lr=0.1`. */
function changesText(row: MigrationRow): string {
  if (newHash(row) === undefined) return "";
  const [old, now] = [flatParams(row.planned.from.params), flatParams(newParams(row))];
  const [before, after] = [without(old, now), without(now, old)];
  if (before.size === 0 && after.size === 0) return "the same parameters";
  if (before.size === 0) return oneLine(`${paramsLine(after)} added`);
  return oneLine(`${paramsLine(before)}${after.size === 0 ? " left out" : ` -> ${paramsLine(after)}`}`);
}

function without(params: FlatParams, others: FlatParams): FlatParams {
  return new Map([...params].filter(([path, text]) => others.get(path) !== text));
}
