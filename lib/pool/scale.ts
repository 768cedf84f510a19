/** What one spec needs and has. */
export interface SpecLoad {
  /** The spec. */
  readonly spec: string;
  /** Its tasks that wait for a worker or are being computed. */
  readonly tasks: number;
  /** Its workers that run, or of which nothing is known. */
  readonly alive: number;
  /** Its workers that were submitted and have not begun; each counts here or as alive, never as both. */
  readonly pending: number;
}

/** How many workers there may be. */
export interface ScaleLimits {
  /** In all; or for each spec, where those that are not named may have what `default` may, or else 50. */
  readonly maxWorkers: number | Readonly<Record<string, number>>;
  /** How many tasks a worker computes at once. */
  readonly tasksPerWorker: number;
}

/** How many workers to submit and to cancel. */
export interface Scaling {
  /** Those to be submitted, the spec with the largest backlog first. */
  readonly submit: readonly { readonly spec: string; readonly count: number }[];
  /** Those of the pending ones that are not needed any more. */
  readonly cancel: readonly { readonly spec: string; readonly count: number }[];
}

/** How many workers a spec may have that `maxWorkers` does not name. */
const OTHERS = 50;

/** A spec while room is shared out. */
interface Share {
  readonly load: SpecLoad;
  /** No more than this is of use to it. */
  readonly want: number;
  /** What it gets, those that live included. */
  workers: number;
}

/**
 * How many workers each spec should have more or fewer. A spec wants one for each `tasksPerWorker` of its tasks. Where not
 * all can have what they want, each that has tasks gets one worker, the largest backlog first, and then the one whose
 * backlog that no worker looks after is largest gets the next. Workers that run are never taken away: they leave by
 * themselves.
 */
export function scale(loads: readonly SpecLoad[], limits: ScaleLimits): Scaling {
  const { maxWorkers, tasksPerWorker } = limits;
  const shares: Share[] = loads.map((load) => ({
    load,
    want: Math.min(Math.ceil(load.tasks / tasksPerWorker), limitOf(load.spec, maxWorkers)),
    workers: load.alive,
  }));
  shares.sort((a, b) => b.load.tasks - a.load.tasks || compare(a.load.spec, b.load.spec));
  const alive = loads.reduce((sum, load) => sum + load.alive, 0);
  let room = (typeof maxWorkers === "number" ? maxWorkers : Infinity) - alive;
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
  };
}

function limitOf(spec: string, maxWorkers: ScaleLimits["maxWorkers"]): number {
  if (typeof maxWorkers === "number") return maxWorkers;
  return maxWorkers[spec] ?? maxWorkers.default ?? OTHERS;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
