/** The tasks and workers of one spec. */
export interface SpecLoad {
  /** The spec. */
  readonly spec: string;
  /** Its tasks that wait for a worker or are being computed. */
  readonly tasks: number;
  /** Its workers that run, or of which nothing is known. */
  readonly alive: number;
  /** Its workers that were told to leave and have not: they take up room, and no task can count on them. */
  readonly leaving: number;
  /** Its workers that were submitted and have not begun; each counts in one of these three, never in two. */
  readonly pending: number;
}

/** How many workers there may be. */
export interface ScaleLimits {
  /** In all; or for each spec, where those that are not named may have what `default` may, or else 50. */
  readonly maxWorkers: number | Readonly<Record<string, number>>;
  /** How many tasks a worker computes at once. */
  readonly tasksPerWorker: number;
}

/** How many workers to submit, to cancel and to tell to leave. */
export interface Scaling {
  /** Those to be submitted, the spec with the largest backlog first. */
  readonly submit: readonly { readonly spec: string; readonly count: number }[];
  /** Those of the pending ones that are not needed any more. */
  readonly cancel: readonly { readonly spec: string; readonly count: number }[];
  /** Those of the ones that live whose room another spec needs. */
  readonly release: readonly { readonly spec: string; readonly count: number }[];
}

/** How many workers a spec may have that `maxWorkers` does not name. */
const OTHERS = 50;

/** A spec while room is shared out. */
interface Share {
  readonly load: SpecLoad;
  /** No more than this is of use to it. */
  readonly need: number;
  /** As {@link need}, as far as its limit has room beside those that leave. */
  readonly want: number;
  /** What it gets, those that live included. */
  workers: number;
}

/**
 * How many workers each spec should have more or fewer. A spec wants one for each `tasksPerWorker` of its
 * tasks. Where not all can have what they want, each that has tasks gets one worker, the largest backlog
 * first, and then the one whose backlog that no worker looks after is largest gets the next. Where there is
 * no room for that, those that live are to make it: first those that are of no use to their own spec, and,
 * for a spec that has none, one of the spec that has most.
 */
export function scale(loads: readonly SpecLoad[], limits: ScaleLimits): Scaling {
  const { maxWorkers, tasksPerWorker } = limits;
  const shares: Share[] = loads.map((load) => ({
    load,
    need: Math.ceil(load.tasks / tasksPerWorker),
    want: Math.min(
      Math.ceil(load.tasks / tasksPerWorker),
      Math.max(0, limitOf(load.spec, maxWorkers) - load.leaving),
    ),
    workers: load.alive,
  }));
  shares.sort((a, b) => b.load.tasks - a.load.tasks || compare(a.load.spec, b.load.spec));
  const there = loads.reduce((sum, load) => sum + load.alive + load.leaving, 0);
  let room = (typeof maxWorkers === "number" ? maxWorkers : Infinity) - there;
  for (const share of shares) {
    if (room <= 0) break;
    if (share.workers > 0 || share.want === 0) continue;
    share.workers++;
    room--;
  }
  const unserved = ({ load, workers }: Share): number => load.tasks - workers * tasksPerWorker;
  for (; room > 0; room--) {
    const hungry = shares.filter(({ workers, want }) => workers < want);
    if (hungry.length === 0) break;
    hungry.reduce((best, share) => unserved(share) > unserved(best) ? share : best).workers++;
  }
  const differences = shares.map(({ load, workers }) => ({
    spec: load.spec,
    count: workers - load.alive - load.pending,
  }));
  return {
    submit: differences.filter(({ count }) => count > 0),
    cancel: differences.filter(({ count }) => count < 0).map(({ spec, count }) => ({ spec, count: -count })),
    release: typeof maxWorkers === "number" ? released(shares) : [],
  };
}

/** Whose workers are to make room for those that the shares left without. */
function released(shares: readonly Share[]): Scaling["release"] {
  const counts = new Map<Share, number>();
  const staying = (share: Share): number => share.load.alive - (counts.get(share) ?? 0);
  const sum = (part: (share: Share) => number): number => shares.reduce((all, each) => all + part(each), 0);
  const take = (count: number, spare: (share: Share) => number): void => {
    for (; count > 0; count--) {
      const donor = shares.reduce((best, share) => spare(share) > spare(best) ? share : best);
      if (spare(donor) <= 0) return;
      counts.set(donor, (counts.get(donor) ?? 0) + 1);
    }
  };
  // Room that will be there in any case.
  const promised = sum(({ load }) => load.leaving);
  const unmet = sum(({ want, workers }) => Math.max(0, want - workers));
  // By what is of use, whatever room there is at the moment: who leaves now must not make others leave next.
  take(unmet - promised, (share) => staying(share) - share.need);
  const starved = shares.filter(({ want, workers }) => want > 0 && workers === 0).length;
  take(starved - promised - sum((share) => counts.get(share) ?? 0), (share) => staying(share) - 1);
  return [...counts].map(([{ load }, count]) => ({ spec: load.spec, count }));
}

function limitOf(spec: string, maxWorkers: ScaleLimits["maxWorkers"]): number {
  if (typeof maxWorkers === "number") return maxWorkers;
  return maxWorkers[spec] ?? maxWorkers.default ?? OTHERS;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
