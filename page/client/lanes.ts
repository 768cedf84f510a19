import type { ReportAttempt, ReportNode } from "../../lib/page/report_model.ts";

/** One attempt in its row. */
export interface Bar extends ReportAttempt {
  readonly hash: string;
  readonly name: string;
}

/** Rows of attempts that did not overlap, those of a worker beneath each other. */
export interface Lane {
  readonly worker: string;
  readonly bars: readonly Bar[];
}

/** Which attempts go into which row: each into the first one of its worker that is free. */
export function lanesOf(nodes: Iterable<ReportNode>, run: string | undefined): Lane[] {
  const all = [...nodes].flatMap(({ hash, name, attempts }) =>
    attempts.map((each) => ({ ...each, hash, name }))
  );
  const own = run === undefined ? [] : all.filter((bar) => bar.run === run);
  const bars = (own.length > 0 ? own : all).sort((a, b) => a.from - b.from);
  const lanes: Lane[] = [];
  for (const [worker, group] of Map.groupBy(bars, ({ worker }) => worker)) {
    const rows: { end: number; bars: Bar[] }[] = [];
    for (const bar of group) {
      // What ends and begins in the same millisecond does not overlap, nor what clocks and rounding make of it.
      let row = rows.find(({ end }) => end <= bar.from + 2);
      if (!row) rows.push(row = { end: 0, bars: [] });
      row.bars.push(bar);
      row.end = bar.to ?? Infinity;
    }
    for (const { bars } of rows) lanes.push({ worker, bars });
  }
  return lanes;
}
