import { type Change, CHANGES } from "./agent_script.ts";

/** How far a machine's clock is ahead of this one's. */
export interface ClockOffset {
  /** Seconds. */
  readonly aheadSec: number;
  /** Seconds by which that may be wrong in either direction. */
  readonly unsureSec: number;
}

/** How long it took until one machine saw what another one did. */
export interface Sight {
  /** Who did it. */
  readonly from: string;
  /** Who saw it. */
  readonly to: string;
  /** What it was. */
  readonly change: Change;
  /** Seconds; nothing where it was not seen in time. */
  readonly sec: number | undefined;
}

/** One question and answer, in seconds: by the clock here before and after, and by the other one between. */
export interface ClockRound {
  /** When it was asked. */
  readonly askedAt: number;
  /** What the other clock showed. */
  readonly told: number;
  /** When the answer was here. */
  readonly answeredAt: number;
}

/** The offset of a clock, by the quickest answer. */
export function clockOffset(rounds: readonly ClockRound[]): ClockOffset | undefined {
  const [best] = rounds.filter(({ told }) => Number.isFinite(told))
    .toSorted((a, b) => (a.answeredAt - a.askedAt) - (b.answeredAt - b.askedAt));
  if (best === undefined) return undefined;
  const half = (best.answeredAt - best.askedAt) / 2;
  return { aheadSec: best.told - best.askedAt - half, unsureSec: half };
}

/**
 * The delays between machines.
 *
 * @param acted When each did what, by its own clock.
 * @param seen What each saw of each other, by its own clock: `seen.get(to).get(from)`.
 * @param offsets The clocks.
 */
export function sightsOf(
  acted: ReadonlyMap<string, ReadonlyMap<string, number>>,
  seen: ReadonlyMap<string, ReadonlyMap<string, ReadonlyMap<string, number>>>,
  offsets: ReadonlyMap<string, ClockOffset>,
): Sight[] {
  const here = (name: string, at: number): number => at - (offsets.get(name)?.aheadSec ?? 0);
  const sights: Sight[] = [];
  for (const [to, others] of seen) {
    for (const [from, times] of others) {
      for (const change of CHANGES) {
        const [did, saw] = [acted.get(from)?.get(change), times.get(change)];
        if (did === undefined) continue;
        // Clocks that are a little off make it negative.
        const sec = saw === undefined ? undefined : Math.max(0, here(to, saw) - here(from, did));
        sights.push({ from, to, change, sec });
      }
    }
  }
  return sights;
}

/** Reads `name=number` lines. */
export function parseTimes(text: string): Map<string, number> {
  const pairs = text.split("\n").map((line) => /^(\w+)=(\d+(?:\.\d+)?)$/.exec(line.trim()));
  return new Map(pairs.flatMap((pair) => pair ? [[pair[1]!, Number(pair[2])]] : []));
}

/** Reads what an agent saw: `FROM change=time` lines, without a time where it saw nothing. */
export function parseSeen(text: string): Map<string, Map<string, number>> {
  const seen = new Map<string, Map<string, number>>();
  for (const line of text.split("\n")) {
    const match = /^(\S+) (\w+)=(\d+(?:\.\d+)?)?$/.exec(line.trim());
    if (!match) continue;
    const times = seen.get(match[1]!) ?? new Map<string, number>();
    seen.set(match[1]!, times);
    if (match[3] !== undefined) times.set(match[2]!, Number(match[3]));
  }
  return seen;
}
