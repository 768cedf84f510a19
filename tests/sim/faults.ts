import type { Random } from "./random.ts";

/** What may go wrong in a world: probabilities from 0 to 1, each looked at once per file operation. */
export interface Faults {
  /** The process ends, half of the time before the operation and half of it after, unanswered. @default 0 */
  crash: number;
  /** The process, its heartbeats included, stands still while time goes on. @default 0 */
  suspend: number;
  /** A change is made and reported as failed: EIO, or what a repeated request says (EEXIST, ENOENT). @default 0 */
  lost: number;
  /** The operation fails with EIO and does nothing. @default 0 */
  eio: number;
  /** The disk is full for a while: writing is ENOSPC, a new name sometimes. @default 0 */
  full: number;
  /** The operation, or its answer, takes long; the process beats meanwhile. @default 0 */
  slow: number;
  /** The host dies with its processes; what it wrote and did not sync is cut short. @default 0 */
  powerCut: number;
  /**
   * The power of all fails: each host dies, as with `powerCut`, and the last names that came or went are as before.
   * So it is with a local disk, too.
   *
   * @default {0}
   */
  siteCut: number;
  /** The file server loses the last names that came or went, as NFS with `async` does; all hosts live on. @default 0 */
  serverCut: number;
  /** The wall clock of the host jumps by minutes. @default 0 */
  clockJump: number;
  /** The process's signal is aborted, as by Ctrl-C. @default 0 */
  interrupt: number;
  /** A listing leaves out what another host made, or shows what it removed, within `staleMs`. @default 0 */
  staleList: number;
  /** A missing name is remembered as missing by its host, up to `staleMs` or until its folder is listed. @default 0 */
  staleNegative: number;
  /** `stat` by path gives what its host saw up to `staleMs` ago; opening the file corrects it. @default 0 */
  staleStat: number;
  /** A handle on a file whose last name another host removed says ESTALE. @default 0 */
  estale: number;
  /** A name that its own host has open becomes `.nfs...` when it is removed, until it is closed. @default false */
  sillyRename: boolean;
  /** How many faults of the first eleven kinds (slow ones apart) there are at most. @default 6 */
  max: number;
  /** The longest suspension, slow operation and full disk in milliseconds; most are far shorter. @default 600_000 */
  longestMs: number;
  /** How old a cached view of another host's changes can be, in milliseconds. @default 60_000 */
  staleMs: number;
}

/** A world in which nothing goes wrong. */
export const NO_FAULTS: Readonly<Faults> = {
  crash: 0,
  suspend: 0,
  lost: 0,
  eio: 0,
  full: 0,
  slow: 0,
  powerCut: 0,
  siteCut: 0,
  serverCut: 0,
  clockJump: 0,
  interrupt: 0,
  staleList: 0,
  staleNegative: 0,
  staleStat: 0,
  estale: 0,
  sillyRename: false,
  max: 6,
  longestMs: 600_000,
  staleMs: 60_000,
};

/** A usual mixture for seeds of all kinds: each kind is on or off by the seed, so that each is also met alone. */
export function mixedFaults(random: Random, without: readonly (keyof Faults)[] = []): Partial<Faults> {
  const usual: Partial<Faults> = {
    crash: 0.01,
    suspend: 0.01,
    lost: 0.02,
    eio: 0.004,
    full: 0.003,
    slow: 0.02,
    clockJump: 0.003,
    staleList: 0.3,
    staleNegative: 0.3,
    staleStat: 0.3,
    estale: 0.5,
    sillyRename: true,
  };
  const chosen: Record<string, number | boolean> = { max: 1 + random.int(8) };
  for (const [kind, value] of Object.entries(usual)) {
    const on = random.chance(0.5);
    if (on && !without.includes(kind as keyof Faults)) chosen[kind] = value;
  }
  return chosen as Partial<Faults>;
}

/** As {@link mixedFaults}, with power cuts in one of three: of a host, of all, or of the file server. */
export function faultsWithCuts(random: Random, usual = mixedFaults(random)): Partial<Faults> {
  if (!random.chance(1 / 3)) return usual;
  const cuts = { powerCut: 0.006, siteCut: 0.006, serverCut: 0.006 };
  const on = Object.entries(cuts).filter(() => random.chance(0.5));
  return { ...usual, ...Object.fromEntries(on) };
}

/**
 * As {@link mixedFaults}, for worlds of a thousand steps: each kind is rarer, so that they are spread over the whole of it. A
 * file server that is always slow lets nobody prove anything.
 */
export function longFaults(random: Random): Partial<Faults> {
  const chosen = mixedFaults(random);
  for (const kind of ["crash", "suspend", "lost", "eio", "slow"] as const) {
    const usual = chosen[kind];
    if (usual !== undefined) chosen[kind] = usual * (kind === "slow" ? 0.1 : 0.4);
  }
  return chosen;
}

/** What a fault does to the step at hand. */
export type Fate =
  | "crash"
  | "suspend"
  | "lost"
  | "eio"
  | "full"
  | "slow"
  | "powerCut"
  | "clockJump"
  | "interrupt"
  | "siteCut"
  | "serverCut";

const FATES: readonly Fate[] = [
  "crash",
  "suspend",
  "lost",
  "eio",
  "full",
  "slow",
  "powerCut",
  "clockJump",
  "interrupt",
  "siteCut",
  "serverCut",
];

/** Draws the fate of each step: one number for all kinds, since this is done once per step. */
export class Fates {
  readonly #faults: Faults;
  readonly #random: Random;
  #total: number;
  /** How often each fault happened, stale views included. */
  readonly counts: Record<string, number> = {};
  #left: number;

  /** @param faults Probabilities. @param random Where to draw from. */
  constructor(faults: Faults, random: Random) {
    this.#faults = faults;
    this.#random = random;
    this.#left = faults.max;
    this.#total = FATES.reduce((sum, kind) => sum + faults[kind], 0);
  }

  /** The fate of the next step, mostly none. */
  draw(): Fate | undefined {
    if (this.#total === 0) return undefined;
    let drawn = this.#random.next();
    if (drawn >= this.#total) return undefined;
    for (const kind of FATES) {
      drawn -= this.#faults[kind];
      if (drawn < 0) return kind === "slow" || this.#left > 0 ? kind : undefined;
    }
    return undefined;
  }

  /** Writes down that a fault happened: one of {@link Faults}, or one of a scenario's own. */
  happened(kind: string): void {
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    if (kind !== "slow" && (FATES as readonly string[]).includes(kind)) this.#left--;
  }

  /** Nothing more goes wrong. */
  stop(): void {
    this.#total = 0;
  }

  /** How many faults of all kinds happened. */
  get total(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }
}
