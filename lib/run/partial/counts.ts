import { artifactLabel, type Hash } from "../../core/hash.ts";
import { ClaimWatch } from "../../store/claims/liveness.ts";
import { readQueued } from "../../store/claims/queued.ts";
import { readRecordId } from "../../store/read_record.ts";
import type { Lack, SuccessRecord } from "../../store/record.ts";
import { readEnds } from "../../store/results/ends.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { findForSure, type FindOptions, findResult, type Found } from "../result.ts";
import type { Runtime } from "../runtime.ts";

/** Which partial results count for who asks. */
export interface PartialRules {
  /**
   * The run that asks: what it made itself counts, whatever became of what was missing.
   *
   * @default {no run}
   */
  readonly run?: string | undefined;
  /**
   * Whether who asks tries again what has failed.
   *
   * @default {false}
   */
  readonly retries?: boolean | undefined;
}

/** Options of {@link findCounting}. */
export interface FindCountingOptions extends FindOptions, PartialRules {
  /**
   * Whether to look as `findForSure` does before something is called missing.
   *
   * @default {false}
   */
  readonly surely?: boolean;
  /** Ends the looking. */
  readonly signal?: AbortSignal;
}

/**
 * As `findResult`, by which a partial result is invalid that does not count any more: for `get`, plans, and
 * who is about to compute it. Inside of a run what is stored is loaded as it is, as the run was planned.
 */
export async function findCounting(
  runtime: Runtime,
  artifact: Artifact,
  { run, retries, surely = false, signal, ...options }: FindCountingOptions,
): Promise<Found> {
  const found = surely
    ? await findForSure(runtime, artifact, { ...options, ...(signal ? { signal } : {}) })
    : await findResult(runtime, artifact, options);
  if (found.state !== "valid") return found;
  const { record } = found.result;
  const why = await whyOutdated(runtime, record, { run, retries });
  return why === undefined ? found : { state: "invalid", replaces: record.id, why, partial: true };
}

/**
 * The one rule for partial results: such a one counts only as long as each artifact that it lacks has failed,
 * and is not tried again.
 *
 * @returns Why it does not count; nothing where it does, or lacks nothing.
 */
export async function whyOutdated(
  runtime: Runtime,
  { partial, run }: Pick<SuccessRecord, "partial" | "run">,
  { run: own, retries = false }: PartialRules,
): Promise<string | undefined> {
  if (partial === undefined || run !== undefined && run === own) return undefined;
  for (const lack of partial) {
    const { because = [] } = lack;
    for (const each of because.length === 0 ? [lack] : [lack, ...because]) {
      const why = await changeOf(runtime, each, lack, retries);
      if (why !== undefined) return why;
    }
  }
  return undefined;
}

/** What has changed for an artifact that was missing, in words for people. */
async function changeOf(
  { store }: Runtime,
  { name, hash }: Pick<Lack, "name" | "hash">,
  lack: Lack,
  retries: boolean,
): Promise<string | undefined> {
  const label = artifactLabel(name, hash);
  const paths = store.paths({ name, hash: hash as Hash });
  const id = await readRecordId(store, paths);
  // Of what is damaged nobody tries again, as for what has failed.
  const isIt = hash === lack.hash;
  if (id !== undefined) return isIt && id === lack.damaged ? undefined : `${label} has succeeded since`;
  const isCause = !isIt || lack.because === undefined;
  // What has never had an attempt waits for what failed below it.
  if (!isCause) return undefined;
  const { state } = await new ClaimWatch(store, paths).look();
  if (state === "alive" || state === "unknown" || await readQueued(store, paths)) {
    return `${label} is being computed`;
  }
  const end = (await readEnds(store, paths)).at(-1);
  return !end || end.kind === "preempted" || retries ? `${label} is to be tried again` : undefined;
}
