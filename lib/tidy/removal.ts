import { errorText } from "../core/errors.ts";
import { concernsOneArtifact, isRefusal } from "../store/store.ts";
import { isOpen, type Left } from "./remove_tree.ts";

/** What kind of thing is removed. The names are those of `--json`, and stay. */
export type RemovalKind =
  | "artifact"
  | "failed"
  | "replaced"
  | "run"
  | "snapshot"
  | "claim"
  | "litter";

/** What became of a removal: it stays, where there is a reason. */
export type RemovalOutcome =
  | { readonly done: true; readonly left: readonly Left[] }
  | { readonly done: false; readonly why: string };

/** Something that may go. */
export interface Removal {
  /** What it is. */
  readonly kind: RemovalKind;
  /** Of which task, where it is of one. */
  readonly name?: string | undefined;
  /** Of which artifact, where it is of one. */
  readonly hash?: string | undefined;
  /** What it is, for people: a path in the store, or an artifact. */
  readonly what: string;
  /** Bytes that it takes. */
  readonly bytes: number;
  /**
   * Removes it. Asked again after a removal that was interrupted, it finishes that.
   *
   * @throws {StoreError} If it cannot be removed.
   */
  readonly remove: () => Promise<RemovalOutcome>;
}

/** What became of removals. */
export interface RemovalReport {
  /** Those that are gone. */
  readonly removed: readonly Removal[];
  /** Those that stay for a reason that has come up since. */
  readonly kept: readonly { readonly removal: Removal; readonly why: string }[];
  /** Those that could not be removed, or not as a whole. */
  readonly failed: readonly { readonly removal: Removal; readonly error: string }[];
  /** Files that somebody has open: they go when they are closed. */
  readonly open: number;
}

/** So many paths of what could not be removed are named. */
const NAMED = 3;

/**
 * Removes one thing after the other. What cannot be removed, as it is somebody else's, is told, and the
 * others go on.
 *
 * @param options `signal`: ends it between two of them.
 * @throws The error of the system that concerns all of them, as a filesystem that is read-only. The signal's
 * reason when it aborts.
 */
export async function removeAll(
  removals: readonly Removal[],
  options: { signal?: AbortSignal | undefined } = {},
): Promise<RemovalReport> {
  const removed: Removal[] = [];
  const kept: { removal: Removal; why: string }[] = [];
  const failed: { removal: Removal; error: string }[] = [];
  let open = 0;
  for (const removal of removals) {
    options.signal?.throwIfAborted();
    try {
      const outcome = await removal.remove();
      if (!outcome.done) {
        kept.push({ removal, why: outcome.why });
        continue;
      }
      removed.push(removal);
      const refused = outcome.left.filter((left) => !isOpen(left));
      open += outcome.left.length - refused.length;
      if (refused.length > 0) failed.push({ removal, error: leftText(refused) });
    } catch (error) {
      // What a person may not do with one file (EPERM) says nothing about the next one.
      if (!concernsOneArtifact(error) && !isRefusal(error)) throw error;
      failed.push({ removal, error: errorText(error) });
    }
  }
  return { removed, kept, failed, open };
}

function leftText(left: readonly Left[]): string {
  const named = left.slice(0, NAMED).map(({ path, code }) => `${path} (${code})`).join(", ");
  const more = left.length > NAMED ? `, and ${left.length - NAMED} more` : "";
  return `it is gone, but for what cannot be removed: ${named}${more}`;
}
