import type { Hash } from "../../core/hash.ts";
import { neededOf } from "../../remote/own_node.ts";
import type { DagNode } from "../../remote/run_record.ts";
import type { ClaimWatch } from "../../store/claims/liveness.ts";
import { formatDuration } from "../../ui/duration.ts";
import { plural } from "../../ui/text.ts";

/** Why sbatch takes no jobs of a spec. */
export interface SpecRefusal {
  /** The spec. */
  readonly spec: string;
  /** A limit of the site, a refusal, or trouble on the way to Slurm's controller. */
  readonly kind: "limit" | "refused" | "unclear";
  /** Slurm's own words. */
  readonly text: string;
  /** When the first of them came, in monotonic milliseconds. */
  readonly since: number;
}

/** What jobs wait for that sbatch does not take. */
export function refusalWords({ kind, text, since }: SpecRefusal, now: number): string {
  const what = { limit: "a limit", refused: "sbatch to take it", unclear: "an answer of sbatch" }[kind];
  return `${what}, for ${formatDuration(now - since)} by now: ${text}`;
}

interface Gate extends SpecRefusal {
  /** When the next job is tried. */
  readonly nextAt: number;
  readonly pauseMs: number;
  /** Whether one is being tried. */
  readonly trying: boolean;
}

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Pressure by spec: once sbatch has refused a job of a spec, one at a time is tried, at growing pauses, until
 * it takes one. Other specs are never held up.
 */
export class SpecGates {
  readonly #closed = new Map<string, Gate>();

  /** Whether a job of the spec may be given to sbatch now. */
  isOpen(spec: string, now: number): boolean {
    const gate = this.#closed.get(spec);
    return gate === undefined || !gate.trying && now >= gate.nextAt;
  }

  /** Whether sbatch has refused the latest job of the spec. */
  isClosed(spec: string): boolean {
    return this.#closed.has(spec);
  }

  /** A job is given to sbatch. */
  tries(spec: string): void {
    const gate = this.#closed.get(spec);
    if (gate) this.#closed.set(spec, { ...gate, trying: true });
  }

  /** It was not given to sbatch after all, or that told nothing of the spec. */
  leaves(spec: string): void {
    const gate = this.#closed.get(spec);
    if (gate) this.#closed.set(spec, { ...gate, trying: false });
  }

  /**
   * Sbatch refused it.
   *
   * @returns Whether that is news: another kind, or the first.
   */
  refuses(spec: string, { kind, text }: Pick<SpecRefusal, "kind" | "text">, now: number): boolean {
    const gate = this.#closed.get(spec);
    // Several were on their way when the first was refused.
    const isSame = gate !== undefined && !gate.trying && now < gate.nextAt;
    const pauseMs = !gate
      ? FIRST_PAUSE_MS
      : isSame
      ? gate.pauseMs
      : Math.min(2 * gate.pauseMs, LONGEST_PAUSE_MS);
    const since = gate?.since ?? now;
    this.#closed.set(spec, { spec, kind, text, since, pauseMs, nextAt: now + pauseMs, trying: false });
    return gate?.kind !== kind;
  }

  /**
   * Sbatch took it.
   *
   * @returns What it had refused the spec for until then.
   */
  takes(spec: string): SpecRefusal | undefined {
    const gate = this.#closed.get(spec);
    this.#closed.delete(spec);
    return gate;
  }

  /** What is refused now. */
  get refusals(): readonly SpecRefusal[] {
    return [...this.#closed.values()];
  }

  /** When the next job may be tried that is not tried yet; `Infinity` where none is. */
  get nextAt(): number {
    const waiting = [...this.#closed.values()].filter(({ trying }) => !trying);
    return Math.min(Infinity, ...waiting.map(({ nextAt }) => nextAt));
  }
}

/** A node on its way into Slurm. */
export interface Turn {
  /** The node. */
  readonly node: DagNode;
  /**
   * `below`: a dependency is neither done nor has a job. `ready`: its turn may be taken, now or later.
   * `busy`: it is being taken. `settled`: it is done, has a job, or never gets one.
   */
  state: "below" | "ready" | "busy" | "settled";
  /** Watches who has claimed it, once that was looked at. */
  watch?: ClaimWatch;
}

interface OwnTurn extends Turn {
  readonly order: number;
  readonly above: OwnTurn[];
  below: number;
  /** Why it is not clear who has it. */
  unclear?: { readonly what: string; readonly since: number; pauseMs: number; nextAt: number } | undefined;
}

/** A node that never gets a job since that was tried for long enough, and why. */
export interface GivenUp {
  /** The node. */
  readonly node: DagNode;
  /** Why. */
  readonly error: string;
}

const FIRST_LOOK_MS = 50;
const LONGEST_LOOK_MS = 2000;
/** The least time in which it has to become clear who computes a node. */
const UNCLEAR_MS = 600_000;

/**
 * The turns of a run's nodes to be submitted, dependencies first: which comes next, what waits for what, and
 * when it is given up. Times are monotonic milliseconds that are passed in.
 */
export class SubmissionTurns {
  /** The pressure of each spec. */
  readonly gates: SpecGates = new SpecGates();
  readonly #turns = new Map<Hash, OwnTurn>();
  readonly #ready = new Map<string, OwnTurn[]>();
  readonly #unclear = new Set<OwnTurn>();
  /** Nodes that never have a result in this run. */
  readonly #lost = new Set<Hash>();
  #left = 0;
  #busy = 0;
  #idleSince: number | undefined;

  /** @param nodes In the order in which they are to be submitted, dependencies first. */
  constructor(nodes: readonly DagNode[]) {
    for (const node of nodes) {
      const turn: OwnTurn = { node, order: this.#left, above: [], below: 0, state: "below" };
      for (const hash of node.dependencies) {
        const below = this.#turns.get(hash);
        if (!below) continue;
        below.above.push(turn);
        turn.below++;
      }
      this.#turns.set(node.hash, turn);
      this.#left++;
      if (turn.below === 0) this.#enqueue(turn);
    }
  }

  /** How many are not settled. */
  get left(): number {
    return this.#left;
  }

  /** How many are being taken. */
  get busy(): number {
    return this.#busy;
  }

  /** The turn of a node of the run. */
  get(hash: Hash): Turn | undefined {
    return this.#turns.get(hash);
  }

  /** A node that needs this one and is not settled. */
  above(hash: Hash): DagNode | undefined {
    return this.#turns.get(hash)?.above.find(({ state }) => state !== "settled")?.node;
  }

  /** Whether a dependency of a node never has a result that it cannot do without. */
  isBlocked(node: DagNode): boolean {
    return neededOf(node).some((hash) => this.#lost.has(hash));
  }

  /** Whether a node never has a result in this run. */
  isLost(hash: Hash): boolean {
    return this.#lost.has(hash);
  }

  /** Takes the turns that may be taken now, at most so many: of each spec one, then of each another one. */
  take(most: number, now: number): Turn[] {
    for (const turn of this.#unclear) {
      if (now < turn.unclear!.nextAt) continue;
      this.#unclear.delete(turn);
      this.#enqueue(turn);
    }
    const taken: Turn[] = [];
    for (let found = true; found && taken.length < most;) {
      found = false;
      for (const [spec, turns] of this.#ready) {
        if (taken.length >= most) break;
        if (!this.gates.isOpen(spec, now)) continue;
        const turn = turns.shift();
        if (turns.length === 0) this.#ready.delete(spec);
        if (turn?.state !== "ready") continue;
        found = true;
        turn.state = "busy";
        this.#busy++;
        this.gates.tries(spec);
        taken.push(turn);
      }
    }
    return taken;
  }

  /** A turn that was taken is over, and to be taken again. */
  again(turn: Turn): void {
    this.#leave(turn);
    (turn as OwnTurn).unclear = undefined;
    this.#enqueue(turn as OwnTurn);
  }

  /**
   * As {@link again}, after a pause: it is not clear yet what is to be done.
   *
   * @returns Since when it is not.
   */
  later(turn: Turn, what: string, now: number): number {
    this.#leave(turn);
    const own = turn as OwnTurn;
    const { since = now, pauseMs = FIRST_LOOK_MS } = own.unclear ?? {};
    own.unclear = { what, since, pauseMs: Math.min(2 * pauseMs, LONGEST_LOOK_MS), nextAt: now + pauseMs };
    own.state = "ready";
    this.#unclear.add(own);
    return since;
  }

  /** A turn that was taken is over for good. */
  ends(turn: Turn, how: "taken" | "blocked"): void {
    this.#leave(turn);
    this.#settle(turn as OwnTurn, how === "taken");
  }

  /** A node has ended, as its follower says. */
  settles(hash: Hash, how: "done" | "failed" | "blocked"): void {
    const turn = this.#turns.get(hash);
    if (!turn) return;
    if (how !== "done") this.#lost.add(hash);
    if (turn.state === "busy") return;
    if (turn.state !== "settled") this.#settle(turn, how === "done");
    else if (how !== "done") this.#block(turn, { waitedFor: false });
  }

  /**
   * Gives up what cannot be submitted, or is not clear, once the run has had nothing else to do for long.
   *
   * @param isElsewhere Whether a job of the run has not ended.
   */
  giveUp({ now, patienceMs, isElsewhere }: {
    now: number;
    patienceMs: number;
    isElsewhere: () => boolean;
  }): GivenUp[] {
    const { refusals } = this.gates;
    if (refusals.length + this.#unclear.size === 0 || isElsewhere() || this.#hasElse()) {
      this.#idleSince = undefined;
      return [];
    }
    const idleSince = this.#idleSince ??= now;
    const isOver = (since: number, ms = patienceMs): boolean => now - Math.max(since, idleSince) >= ms;
    const given: GivenUp[] = [];
    const giveUp = (turn: OwnTurn, why: string): void => {
      if (turn.state !== "ready") return;
      given.push({ node: turn.node, error: why });
      this.#settle(turn, false);
    };
    for (const { spec, since, text } of refusals) {
      if (!isOver(since)) continue;
      const tried = `it was tried again for ${formatDuration(now - since)}`;
      for (const turn of [...this.#ready.get(spec) ?? []]) giveUp(turn, `${text}; ${tried}`);
    }
    for (const turn of this.#unclear) {
      const { since, what } = turn.unclear!;
      const unclear = `Cannot submit it as it was not clear for ${formatDuration(now - since)} ${what}`;
      if (isOver(since, Math.max(patienceMs, UNCLEAR_MS))) giveUp(turn, unclear);
    }
    return given;
  }

  /** When a turn may be taken that may not be taken now. */
  get nextAt(): number {
    let next = this.gates.nextAt;
    for (const { unclear } of this.#unclear) next = Math.min(next, unclear!.nextAt);
    return next;
  }

  /** The jobs of a spec that could be submitted if sbatch took them, for people. */
  jobsOf(spec: string): string {
    const count = (this.#ready.get(spec)?.length ?? 0) + this.#busyOf(spec);
    return `${plural(count, "job")} of spec '${spec}'`;
  }

  /** The nodes of which it is not clear who has them. */
  unclear(): { node: DagNode; what: string; since: number }[] {
    return [...this.#unclear].map(({ node, unclear }) => ({ node, ...unclear! }));
  }

  /** Whether there is anything to submit that is neither refused nor unclear. */
  #hasElse(): boolean {
    for (const [spec, turns] of this.#ready) {
      if (!this.gates.isClosed(spec) && turns.some(({ unclear }) => !unclear)) return true;
    }
    if (this.#busy === 0) return false;
    return [...this.#turns.values()].some(({ state, node, unclear }) =>
      state === "busy" && !unclear && !this.gates.isClosed(node.spec)
    );
  }

  #busyOf(spec: string): number {
    if (this.#busy === 0) return 0;
    let count = 0;
    for (const { state, node } of this.#turns.values()) if (state === "busy" && node.spec === spec) count++;
    return count;
  }

  #enqueue(turn: OwnTurn): void {
    turn.state = "ready";
    const { spec } = turn.node;
    const turns = this.#ready.get(spec) ?? [];
    this.#ready.set(spec, turns);
    const behind = turns.findLastIndex(({ order }) => order < turn.order);
    turns.splice(behind + 1, 0, turn);
  }

  #leave(turn: Turn): void {
    if (turn.state !== "busy") return;
    turn.state = "below";
    this.#busy--;
    this.gates.leaves(turn.node.spec);
  }

  #settle(turn: OwnTurn, isTaken: boolean): void {
    if (turn.state === "settled") return;
    this.#drop(turn);
    if (!isTaken) {
      this.#lost.add(turn.node.hash);
      return this.#block(turn, { waitedFor: true });
    }
    for (const above of turn.above) this.#free(above);
  }

  #free(above: OwnTurn): void {
    if (--above.below === 0 && above.state === "below") this.#enqueue(above);
  }

  #drop(turn: OwnTurn): void {
    const { spec } = turn.node;
    const wasReady = turn.state === "ready" && !this.#unclear.delete(turn);
    turn.state = "settled";
    this.#left--;
    if (!wasReady) return;
    const turns = this.#ready.get(spec);
    const at = turns?.indexOf(turn) ?? -1;
    if (at >= 0) turns!.splice(at, 1);
    if (turns?.length === 0) this.#ready.delete(spec);
  }

  /** Nothing above is submitted any more but what can do without. One that is being taken looks by itself. */
  #block(turn: OwnTurn, { waitedFor }: { waitedFor: boolean }): void {
    const open = [turn];
    // A list of its own, since chains are longer than calls can be nested.
    for (let below = open.pop(); below; below = open.pop()) {
      for (const above of below.above) {
        if (above.node.tolerates?.includes(below.node.hash)) {
          if (below.state === "settled" && (waitedFor || below !== turn)) this.#free(above);
          continue;
        }
        if (above.state === "settled" || this.#lost.has(above.node.hash)) continue;
        this.#lost.add(above.node.hash);
        if (above.state !== "busy") this.#drop(above);
        open.push(above);
      }
    }
  }
}
