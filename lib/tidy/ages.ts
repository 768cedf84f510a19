import { readBeat } from "../store/claims/heartbeat_series.ts";
import { ClaimWatch, describeOwner, type Look } from "../store/claims/liveness.ts";
import type { Owner } from "../core/system/machine.ts";
import type { ArtifactPaths } from "../store/layout.ts";
import type { ClaimRecord } from "../store/record.ts";
import { removeIfThere, type Store } from "../store/store.ts";

/** So long nothing has happened to what is litter by its age, at least: a day. */
export const LEAST_AGE_MS = 86_400_000;
/** And so many leases. */
const LEASES = 10;

/**
 * How old files are, by the clock of the file server: ages by this host's own clock would be wrong by as much
 * as clocks differ.
 */
export class Ages {
  /** The time by which the store's files are dated now, in milliseconds; nothing where that is not known. */
  readonly now: number | undefined;

  /** @param now The time by the file server's clock. */
  constructor(now: number | undefined) {
    this.now = now;
  }

  /**
   * Asks the file server, by a file that is written and removed. A store that only can be read does not tell.
   */
  static async of(store: Store): Promise<Ages> {
    try {
      const path = await store.writePrivate(store.root, "");
      try {
        return new Ages((await store.machine.files.stat(path))?.mtimeMs);
      } finally {
        await removeIfThere(store.machine, path);
      }
    } catch {
      return new Ages(undefined);
    }
  }

  /** Whether something was changed last before so long; `false` where that is not known. */
  isOlder(mtimeMs: number, ageMs: number): boolean {
    return this.now !== undefined && this.now - mtimeMs >= ageMs;
  }

  /**
   * Whether nothing has beaten for so long that nobody can be behind it, by the rule of {@link LEAST_AGE_MS}.
   */
  isForgotten(mtimeMs: number, leaseSec: number): boolean {
    return this.isOlder(mtimeMs, Math.max(LEAST_AGE_MS, leaseSec * 1000 * LEASES));
  }
}

/** Whether this host can tell by itself if that process lives. */
export function isOfThisHost(owner: Owner, self: Owner): boolean {
  return owner.start !== undefined && self.start !== undefined && owner.boot !== undefined &&
    owner.host === self.host && owner.boot === self.boot && owner.pidNamespace === self.pidNamespace;
}

/**
 * Whether the owner of a claim is dead by the age of its heartbeat. Not one of this host, which can be asked;
 * and not one in a Slurm job, which may stand still for days: that Slurm tells.
 */
export function isForgottenClaim(
  holder: Pick<ClaimRecord, "owner" | "slurm" | "leaseSec">,
  { mtimeMs, ages, self }: { mtimeMs: number; ages: Ages; self: Owner },
): boolean {
  if (holder.slurm !== undefined || isOfThisHost(holder.owner, self)) return false;
  return ages.isForgotten(mtimeMs, holder.leaseSec);
}

/**
 * Looks at a claim once, as a {@link ClaimWatch} does; where that does not tell, the age of its heartbeat
 * may.
 *
 * @throws {StoreError} If it may not be read, or is of a newer furu.
 */
export async function lookAtClaim(store: Store, paths: ArtifactPaths, ages: Ages): Promise<Look> {
  const look = await new ClaimWatch(store, paths).look();
  if (look.state !== "alive") return look;
  const { machine } = store;
  const beat = await readBeat(machine, paths.claim);
  if (!beat || !isForgottenClaim(look.holder, { mtimeMs: beat.mtimeMs, ages, self: machine.self })) {
    return look;
  }
  const { holder } = look;
  return { state: "dead", holder, why: `no heartbeat of ${describeOwner(holder)} for a day at least` };
}
