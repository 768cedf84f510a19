import { errorCode, errorText, StoreError } from "../../core/errors.ts";
import type { ArtifactPaths } from "../layout.ts";
import type { ClaimRecord } from "../record.ts";
import { isRefusal, type JobWord, type Store } from "../store.ts";
import { type Death, readDeath } from "./dead_owner.ts";
import { HeartbeatSeries, readBeat } from "./heartbeat_series.ts";
import { hasEnded, readClaim } from "./read_claim.ts";

/** What one look at a claim tells. */
export type Look =
  /** Nobody holds the artifact. */
  | { state: "absent" }
  /**
   * Its owner may live. `changed`: something happened since the look before (a beat, another claim). `still`:
   * nothing beats, since its job stands still as a scheduler says, in whose words.
   */
  | { state: "alive"; holder: ClaimRecord; changed: boolean; still?: string }
  /** The file server did not answer: says nothing of the owner. */
  | { state: "unknown"; why: string }
  /**
   * Its owner is provably gone, or has not beaten for a whole lease, or was declared dead. `kind`: how the
   * attempt is to end, where its owner itself could still say it.
   */
  | { state: "dead"; holder: ClaimRecord; why: string; kind?: Death["kind"] }
  /** Its attempt has ended and only the claim's file is left; `removable` once it is anybody's. */
  | { state: "ended"; holder: ClaimRecord; removable: boolean };

/** An ended claim belongs to its owner for this long. */
const ENDED_GRACE_MS = 1000;

/**
 * Watches who computes an artifact, and is the one judge of dead or alive (ARCHITECTURE, "Dead or alive"). By
 * this observer's own monotonic clock: a file's time is only compared with itself, never with "now", since
 * clocks differ.
 */
export class ClaimWatch {
  readonly #store: Store;
  readonly #paths: ArtifactPaths;
  /**
   * Pause no longer than this between two looks: a quarter of the holder's lease, since looks that are
   * further apart than a third of it prove nothing.
   */
  longestPauseMs: number;
  readonly #series: HeartbeatSeries = new HeartbeatSeries();
  #ended: { id: string; since: number } | undefined;

  /** @param paths The artifact to watch. */
  constructor(store: Store, paths: ArtifactPaths) {
    this.#store = store;
    this.#paths = paths;
    this.longestPauseMs = store.leaseSec * 250;
  }

  /**
   * When this observer last saw with its own eyes that the holder lives: its heartbeat changed from one look
   * to the next. Monotonic milliseconds; `undefined` before that.
   */
  get beatAt(): number | undefined {
    return this.#series.beatAt;
  }

  /**
   * Looks once.
   *
   * @throws {StoreError} If the folder may not be read, or the claim is of a newer furu.
   */
  async look(): Promise<Look> {
    try {
      return await this.#lookOnce();
    } catch (error) {
      const system = errorCode(error) ?? errorCode((error as Error).cause);
      if (system === undefined) throw error;
      // To wait for it to change would be in vain: a claim that nobody may read is no file server that is
      // away.
      if (error instanceof StoreError && isRefusal(error)) throw error;
      return this.#forget({ state: "unknown", why: errorText(error) });
    }
  }

  async #lookOnce(): Promise<Look> {
    const { machine } = this.#store;
    const before = machine.clock.monotonic();
    const holder = await readClaim(this.#store, this.#paths);
    if (!holder) return this.#forget({ state: "absent" });
    this.longestPauseMs = holder.leaseSec * 250;
    const beat = await readBeat(machine, this.#paths.claim);
    if (!beat) return this.#forget({ state: "absent" });
    const after = machine.clock.monotonic();
    const changed = this.#series.add(`${holder.id} ${beat.seen}`, holder.leaseSec * 1000, before, after);
    const word = await this.#store.claimHint?.(holder);
    const death = await this.#deathOf(holder, word);
    if (await hasEnded(this.#store, this.#paths, holder)) {
      return this.#lookAtEnded(holder, death !== undefined);
    }
    if (death) return { state: "dead", holder, ...death };
    const still = word?.state === "alive" && word.still ? { still: word.text } : {};
    return { state: "alive", holder, changed, ...still };
  }

  /** Why the owner is dead, and how it says its attempts ended. */
  async #deathOf(
    holder: ClaimRecord,
    word: JobWord | undefined,
  ): Promise<Pick<Death, "why"> & Partial<Death> | undefined> {
    const { machine } = this.#store;
    const death = await readDeath(this.#store, holder);
    if (death) return death;
    if (machine.isGone(holder.owner)) return { why: `its process ${describeOwner(holder)} is gone` };
    const { id, startedAt } = holder;
    if (machine.isForsaken?.(holder.owner, { path: this.#paths.claim, id, startedAt })) {
      return { why: `its process ${describeOwner(holder)} has begun anew (deno run --watch)` };
    }
    const why = deathOf(holder, word, this.#series);
    return why === undefined ? undefined : { why };
  }

  #lookAtEnded(holder: ClaimRecord, isDead: boolean): Look {
    const now = this.#store.machine.clock.monotonic();
    if (this.#ended?.id !== holder.id) this.#ended = { id: holder.id, since: now };
    return { state: "ended", holder, removable: isDead || now - this.#ended.since > ENDED_GRACE_MS };
  }

  #forget(look: Look): Look {
    this.#series.forget();
    this.#ended = undefined;
    return look;
  }
}

/**
 * Why a claim is dead that its owner may still hold. Evidence has ranks: a heartbeat that was seen to change
 * after the scheduler was asked, then the scheduler's word on that very job, then the lease.
 *
 * @returns `undefined` when its owner may live.
 */
export function deathOf(
  holder: ClaimRecord,
  word: JobWord | undefined,
  { beatAt, expired }: Pick<HeartbeatSeries, "beatAt" | "expired">,
): string | undefined {
  const isGone = word?.state === "gone";
  if (isGone && !word.vanished && !(beatAt !== undefined && beatAt > word.askedAt)) return word.why;
  // Nothing can beat for a job that stands still: it goes on, or ends, and the scheduler tells which.
  if (!expired || word?.state === "alive" && word.still) return undefined;
  const silence = `no heartbeat of ${describeOwner(holder)} for ${holder.leaseSec} s`;
  return isGone ? `${word.why}, and ${silence}` : silence;
}

/** Who holds a claim, for people. */
export function describeOwner({ owner, backend, startedAt }: ClaimRecord): string {
  const user = owner.user ? ` of ${owner.user}` : "";
  return `pid ${owner.pid} on ${owner.host}${user} (${backend}, since ${startedAt})`;
}
