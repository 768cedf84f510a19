import { errorCode, errorText } from "../core/errors.ts";
import { hasEnded, readClaim } from "./read_claim.ts";
import type { ArtifactPaths } from "./layout.ts";
import type { ClaimRecord } from "./record.ts";
import type { Store } from "./store.ts";

/** What one look at a claim tells. */
export type Look =
  /** Nobody holds the artifact. */
  | { state: "absent" }
  /** Its owner may live. `changed`: something happened since the look before (a beat, another claim). */
  | { state: "alive"; holder: ClaimRecord; changed: boolean }
  /** The file server did not answer: says nothing of the owner. */
  | { state: "unknown"; why: string }
  /** Its owner is provably gone, or has not beaten for a whole lease. */
  | { state: "dead"; holder: ClaimRecord; why: string }
  /** Its attempt has ended and only the claim's file is left; `removable` once it is anybody's. */
  | { state: "ended"; holder: ClaimRecord; removable: boolean };

/** An ended claim belongs to its owner for this long. */
const ENDED_GRACE_MS = 1000;

/**
 * Watches who computes an artifact, and is the one judge of dead or alive (DESIGN section 4). By this observer's own
 * monotonic clock: a file's time is only compared with itself, never with "now", since clocks differ.
 */
export class ClaimWatch {
  readonly #store: Store;
  readonly #paths: ArtifactPaths;
  /**
   * Pause no longer than this between two looks: a quarter of the holder's lease, since looks that are further apart than
   * a third of it prove nothing.
   */
  longestPauseMs: number;
  #series: Series | undefined;
  #ended: { id: string; since: number } | undefined;

  /** @param paths The artifact to watch. */
  constructor(store: Store, paths: ArtifactPaths) {
    this.#store = store;
    this.#paths = paths;
    this.longestPauseMs = store.leaseSec * 250;
  }

  /** Looks once. */
  async look(): Promise<Look> {
    try {
      return await this.#lookOnce();
    } catch (error) {
      const system = errorCode(error) ?? errorCode((error as Error).cause);
      if (system === undefined) throw error;
      return this.#forget({ state: "unknown", why: errorText(error) });
    }
  }

  async #lookOnce(): Promise<Look> {
    const { machine } = this.#store;
    const before = machine.clock.monotonic();
    const holder = await readClaim(this.#store, this.#paths);
    if (!holder) return this.#forget({ state: "absent" });
    this.longestPauseMs = holder.leaseSec * 250;
    const beat = await this.#beatOf();
    if (!beat) return this.#forget({ state: "absent" });
    const after = machine.clock.monotonic();
    const changed = this.#extend(`${holder.id} ${beat}`, holder.leaseSec * 1000, before, after);
    if (await hasEnded(this.#store, this.#paths, holder)) return this.#lookAtEnded(holder);
    if (machine.isGone(holder.owner)) {
      return { state: "dead", holder, why: `its process ${describeOwner(holder)} is gone` };
    }
    const hint = await this.#store.claimHint?.(holder);
    if (hint !== undefined) return { state: "dead", holder, why: hint };
    if (this.#series?.expired) {
      return {
        state: "dead",
        holder,
        why: `no heartbeat of ${describeOwner(holder)} for ${holder.leaseSec} s`,
      };
    }
    return { state: "alive", holder, changed };
  }

  /** What a heartbeat changes, read through a handle so that no cached attributes are seen. */
  async #beatOf(): Promise<string | undefined> {
    try {
      using file = await this.#store.machine.files.open(this.#paths.claim);
      const { ino, mtimeMs } = await file.stat();
      return `${ino} ${mtimeMs}`;
    } catch (error) {
      if (errorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** Adds a look to the series, or starts it again; returns whether what was seen had changed. */
  #extend(seen: string, leaseMs: number, before: number, after: number): boolean {
    const series = this.#series;
    const third = leaseMs / 3;
    const slow = after - before > third;
    const gap = series !== undefined && before - series.lastEnd > third;
    if (!series || series.seen !== seen || slow || gap) {
      this.#series = slow ? undefined : { seen, firstEnd: after, lastEnd: after, looks: 1, expired: false };
      return series?.seen !== seen;
    }
    series.looks++;
    series.lastEnd = after;
    series.expired = series.looks >= 3 && before - series.firstEnd >= leaseMs;
    return false;
  }

  #lookAtEnded(holder: ClaimRecord): Look {
    const now = this.#store.machine.clock.monotonic();
    if (this.#ended?.id !== holder.id) this.#ended = { id: holder.id, since: now };
    const removable = now - this.#ended.since > ENDED_GRACE_MS || this.#store.machine.isGone(holder.owner);
    return { state: "ended", holder, removable };
  }

  #forget(look: Look): Look {
    this.#series = undefined;
    this.#ended = undefined;
    return look;
  }
}

/** Looks that all saw the same. */
interface Series {
  seen: string;
  firstEnd: number;
  lastEnd: number;
  looks: number;
  expired: boolean;
}

/** Who holds a claim, for people. */
export function describeOwner({ owner, backend, startedAt }: ClaimRecord): string {
  const user = owner.user ? ` of ${owner.user}` : "";
  return `pid ${owner.pid} on ${owner.host}${user} (${backend}, since ${startedAt})`;
}
