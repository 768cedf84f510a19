import { artifactLabel } from "../core/hash.ts";
import type { QueuedHint } from "../store/claims/queued.ts";
import { describeQueued, type QueuedJob, readQueued } from "../store/claims/queued.ts";
import { describeOwner } from "../store/claims/liveness.ts";
import type { ArtifactKey } from "../store/layout.ts";
import type { ClaimRecord } from "../store/record.ts";
import type { Store } from "../store/store.ts";
import { type Ages, lookAtClaim } from "./ages.ts";
import type { StoreGraph } from "./graph.ts";
import { type Pin, pinNames, readPins, resolvePin } from "./pins.ts";
import { type AskRunLife, readStoredRun, type StoredRun, storedRunIds } from "./runs.ts";

/** Why an artifact stays. */
export interface StayReason {
  /**
   * `computed`: its claim may live. `queued`: a job is queued for it. `pinned`: it is, or something that
   * depends on it. `run`: a run that has not ended may load it. `loaded`: what is computed now may load it.
   */
  readonly kind: "computed" | "queued" | "pinned" | "run" | "loaded";
  /** In words for people. */
  readonly text: string;
}

/** What all that removes works on. */
export interface TidyContext {
  /** The store. */
  readonly store: Store;
  /** Ages by the file server's clock. */
  readonly ages: Ages;
  /**
   * Whether pins, and runs that have not ended, keep nothing. What is computed or queued stays in any case.
   *
   * @default {false}
   */
  readonly force?: boolean | undefined;
  /**
   * What a scheduler knows of queued jobs.
   *
   * @default {each may live}
   */
  readonly queuedHint?: QueuedHint | undefined;
  /**
   * Whether a run of a pool is at work that has not ended.
   *
   * @default {it is}
   */
  readonly askLife?: AskRunLife | undefined;
}

/** The facts that {@link whyStay} judges by. */
export interface StayFacts {
  /** What is stored. */
  readonly graph: Pick<StoreGraph, "artifacts" | "closure">;
  /** Artifacts whose claim may live, with words for people. */
  readonly computed: ReadonlyMap<string, string>;
  /** Artifacts that a job is queued for, with words for people. */
  readonly queued: ReadonlyMap<string, string>;
  /** Those among them whose parameters nothing tells: what they load may be anything. */
  readonly blind: readonly string[];
  /** All pins. */
  readonly pins: readonly Pick<Pin, "pin" | "hash">[];
  /** All runs. */
  readonly runs: readonly Pick<StoredRun, "runId" | "open" | "nodes" | "tasks">[];
  /** Whether pins and runs keep nothing. */
  readonly force: boolean;
}

/** Why which artifacts stay, by hash; the strongest reason of each. */
export function whyStay(facts: StayFacts): Map<string, StayReason> {
  const { graph, computed, queued, blind, pins, runs, force } = facts;
  const reasons = new Map<string, StayReason>();
  const stay = (hashes: Iterable<string>, reason: (hash: string) => StayReason): void => {
    for (const hash of hashes) if (!reasons.has(hash)) reasons.set(hash, reason(hash));
  };
  stay(computed.keys(), (hash) => ({ kind: "computed", text: computed.get(hash)! }));
  stay(queued.keys(), (hash) => ({ kind: "queued", text: queued.get(hash)! }));
  for (const { pin, hash } of force ? [] : pins) {
    stay([hash], () => ({ kind: "pinned", text: pinText(pin, hash) }));
  }
  for (const { pin, hash } of force ? [] : pins) {
    stay(graph.closure([hash]), () => ({ kind: "pinned", text: `${pinText(pin, hash)} depends on it` }));
  }
  for (const { runId, open, nodes, tasks } of force ? [] : runs) {
    if (open === undefined) continue;
    const names = new Set(tasks);
    const ofTasks = names.size === 0
      ? []
      : graph.artifacts.values().filter(({ name }) => names.has(name)).map(({ hash }) => hash);
    stay(
      graph.closure([...nodes, ...ofTasks]),
      () => ({ kind: "run", text: `run ${runId} may load it (${open})` }),
    );
  }
  for (const hash of [...computed.keys(), ...queued.keys()]) {
    const { name = "" } = graph.artifacts.get(hash) ?? {};
    const label = artifactLabel(name, hash);
    stay(graph.closure([hash]), () => ({ kind: "loaded", text: `${label}, computed now, may load it` }));
  }
  for (const hash of force ? [] : blind) {
    const label = artifactLabel(graph.artifacts.get(hash)?.name ?? "", hash);
    stay(graph.artifacts.keys(), () => ({
      kind: "loaded",
      text: `${label}, computed now, may load it: nothing tells its parameters (wait for it, or use --force)`,
    }));
  }
  return reasons;
}

function pinText(pin: string, hash: string): string {
  return pin === hash ? "pinned" : `pin '${pin}'`;
}

/** What stays, with all that it was concluded from. */
export interface InUse {
  /** Why which artifacts stay, by hash. */
  readonly reasons: ReadonlyMap<string, StayReason>;
  /** All runs of the store. */
  readonly runs: readonly StoredRun[];
  /** What people should know of what could not be found out. */
  readonly notes: readonly string[];
  /**
   * A run that may go on and whose record cannot be read: what it uses is not known, so that nothing may go.
   */
  readonly unread?: StoredRun | undefined;
  /** Claims whose owner is dead, by hash. */
  readonly dead: ReadonlyMap<string, ClaimRecord>;
  /**
   * Why an artifact stays after all, by what has come up since: asked just before it goes, when its claim is
   * held.
   */
  recheck(key: ArtifactKey): Promise<StayReason | undefined>;
}

/**
 * Finds out what has to stay.
 *
 * @throws {StoreError} If the store cannot be read, or a pin.
 */
export async function findInUse(context: TidyContext, graph: StoreGraph): Promise<InUse> {
  const { store, ages, force = false } = context;
  const computed = new Map<string, string>();
  const queued = new Map<string, string>();
  const dead = new Map<string, ClaimRecord>();
  const blind: string[] = [];
  for (const artifact of graph.artifacts.values()) {
    const { hash } = artifact;
    if (artifact.hasClaim) {
      const look = await lookAtClaim(store, store.paths(artifact), ages).catch((error: Error) => error);
      if (look instanceof Error) computed.set(hash, `its claim cannot be read: ${look.message}`);
      else if (look.state === "alive") computed.set(hash, `computed by ${describeOwner(look.holder)}`);
      else if (look.state === "unknown") computed.set(hash, `its claim cannot be read: ${look.why}`);
      else if (look.state !== "absent") dead.set(hash, look.holder);
    }
    const job = artifact.hasHome ? await liveQueued(context, artifact) : undefined;
    if (job) queued.set(hash, describeQueued(job));
    if ((computed.has(hash) || job) && artifact.params === undefined) blind.push(hash);
  }
  const knownPins = new Set(await pinNames(store));
  const pins = await readPins(store);
  const ids = await storedRunIds(store);
  const runs: StoredRun[] = [];
  for (const id of ids) runs.push(await readStoredRun(store, id, { graph, ages, askLife: context.askLife }));
  const unread = force ? undefined : runs.find(({ fault }) => fault !== undefined);
  const reasons = whyStay({ graph, computed, queued, blind, pins, runs, force });
  const notes = blind.length === 0 || !force ? [] : [
    `what ${blind.length === 1 ? "an artifact" : `${blind.length} artifacts`} computed now may load is not ` +
    `known: nothing tells their parameters`,
  ];
  const knownRuns = new Set(runs.filter(({ isTold }) => isTold).map(({ runId }) => runId));
  const recheck = async (key: ArtifactKey): Promise<StayReason | undefined> => {
    const reason = reasons.get(key.hash);
    if (reason || force) return reason;
    for (const pin of await pinNames(store)) {
      if (knownPins.has(pin)) continue;
      if ((await resolvePin(store, pin))?.hash === key.hash) return { kind: "pinned", text: `pin '${pin}'` };
      knownPins.add(pin);
    }
    for (const id of await storedRunIds(store)) {
      if (knownRuns.has(id)) continue;
      const run = await readStoredRun(store, id, { graph, ages });
      if (run.fault !== undefined) return { kind: "run", text: `run ${id} may load it (${run.fault})` };
      const nothing = { computed: new Map(), queued: new Map(), blind: [], pins: [] };
      const more = whyStay({ graph, ...nothing, runs: [run], force });
      for (const [hash, why] of more) if (!reasons.has(hash)) reasons.set(hash, why);
      if (run.isTold) knownRuns.add(id);
    }
    return reasons.get(key.hash);
  };
  return { reasons, runs, notes, unread, dead, recheck };
}

/** The job that is queued for an artifact and is not known to have ended. */
export async function liveQueued(
  { store, queuedHint }: Pick<TidyContext, "store" | "queuedHint">,
  key: ArtifactKey,
): Promise<QueuedJob | undefined> {
  const job = await readQueued(store, store.paths(key));
  if (job === undefined || queuedHint === undefined) return job;
  const word = await queuedHint(job, { wait: true });
  return word?.state === "gone" ? undefined : job;
}
