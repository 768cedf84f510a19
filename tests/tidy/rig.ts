import { assert } from "@std/assert";
import { systemFiles } from "../../lib/core/system/system_files.ts";
import { systemMachine } from "../../lib/core/system/system_machine.ts";
import type { Files } from "../../lib/core/system/files.ts";
import type { Owner } from "../../lib/core/system/machine.ts";
import { hashOfIdentity } from "../../lib/core/json/canonical.ts";
import type { Hash } from "../../lib/core/hash.ts";
import type { ArtifactKey, ArtifactPaths } from "../../lib/store/layout.ts";
import { attemptPaths } from "../../lib/store/layout.ts";
import { withSum } from "../../lib/store/record.ts";
import { Store } from "../../lib/store/store.ts";
import { Ages, LEAST_AGE_MS } from "../../lib/tidy/ages.ts";
import { readGraph, type StoreGraph } from "../../lib/tidy/graph.ts";
import { findInUse, type InUse, type TidyContext } from "../../lib/tidy/in_use.ts";
import { litterRemovals } from "../../lib/tidy/litter.ts";
import { keepOwner } from "../../lib/tidy/remove_artifact.ts";
import { type Removal, removeAll } from "../../lib/tidy/removal.ts";
import { queuePaths } from "../../lib/queue/layout.ts";
import { Rig, testMachine, testRuntime } from "../rig.ts";

/** Thrown by every operation of a process that has died. */
export class Death extends Error {}

const real = systemMachine();
let pids = 4_000_000;

/** A process of a test: what it is called, and whether it has died. */
export interface Process {
  /** As the store knows it. */
  readonly store: Store;
  /** Who it is. */
  readonly self: Owner;
  /** How many operations on files it has made. */
  readonly steps: () => number;
}

/** What a result is made of. */
export interface Made {
  /** Files in its folder, by name. @default none */
  files?: Record<string, string>;
  /** Folders of others that it names. @default none */
  uses?: string[];
  /** When it was made. @default 2026-01-01 */
  createdAt?: string;
  /** Members of the record besides. @default none */
  more?: Record<string, unknown>;
}

/** A store of tests, in which results are written by hand. */
export class TidyRig extends Rig {
  readonly #dead = new Set<number>();

  /** A process that dies at its n-th operation on files: before it is done, or after. */
  process(
    options: { diesAt?: number; after?: boolean; files?: Partial<Files>; host?: string } = {},
  ): Process {
    const { diesAt = Infinity, after = false, host } = options;
    const self: Owner = { ...real.self, pid: pids++, ...(host === undefined ? {} : { host }) };
    let steps = 0;
    const base: Files = { ...systemFiles, ...options.files };
    const files = new Proxy(base, {
      get: (target, key: keyof Files) => {
        const operation = target[key] as (...args: unknown[]) => unknown;
        return async (...args: unknown[]) => {
          steps++;
          if (steps > diesAt || steps === diesAt && !after) {
            this.#dead.add(self.pid);
            throw new Death(`died at step ${diesAt}`);
          }
          const answer = await operation.apply(target, args);
          if (steps === diesAt) {
            this.#dead.add(self.pid);
            throw new Death(`died after step ${diesAt}`);
          }
          return answer;
        };
      },
    });
    const machine = testMachine({
      machine: { self, isGone: (owner) => owner.host === self.host && this.#dead.has(owner.pid) },
    });
    const store = new Store({ ...machine, files }, { root: this.root, leaseSec: 120, heartbeatSec: 40 });
    return { store, self, steps: () => steps };
  }

  /** A process has died without a word. */
  kill({ self }: Process): void {
    this.#dead.add(self.pid);
  }

  /** Writes a result. */
  put(name: string, params: Record<string, unknown>, made: Made = {}): ArtifactPaths {
    const { files = {}, uses, createdAt = "2026-01-01T00:00:00.000Z", more = {} } = made;
    const identity = { params, scheme: 1, task: name };
    const hash = hashOfIdentity(identity);
    const paths = this.process().store.paths({ name, hash });
    const id = hash.slice(0, 12);
    const names = Object.keys(files);
    const at = attemptPaths(paths, { n: 1, id });
    Deno.mkdirSync(names.length > 0 ? at.files : paths.taskDir, { recursive: true });
    for (const file of names) Deno.writeTextFileSync(`${at.files}/${file}`, files[file]!);
    const record = {
      schema: 1,
      identity,
      attempt: 1,
      id,
      files: names.length > 0,
      value: 1,
      ...(uses ? { uses } : {}),
      createdAt,
      durationMs: 1,
      provenance: {},
      ...(names.length > 0
        ? { sizes: Object.fromEntries(names.map((file) => [file, files[file]!.length])) }
        : {}),
      ...more,
    };
    Deno.writeTextFileSync(paths.record, withSum(JSON.stringify(record)));
    return paths;
  }

  /** Writes how an attempt failed, with a log and a checkpoint. */
  fail(paths: ArtifactPaths, n: number, id: string, endedAt = "2026-01-01T00:00:00.000Z"): void {
    const at = attemptPaths(paths, { n, id });
    Deno.mkdirSync(at.checkpoint, { recursive: true });
    Deno.writeTextFileSync(`${at.checkpoint}/state`, "12345");
    Deno.writeTextFileSync(at.log, "words");
    const owner = { host: "far", pid: 7 };
    const end = { schema: 1, id, attempt: n, kind: "failed", failure: "compute", error: "bad", owner };
    Deno.writeTextFileSync(at.end, JSON.stringify({ ...end, startedAt: endedAt, endedAt }));
  }
}

/** How a value names an artifact in parameters. */
export function ref({ name, hash }: ArtifactKey): Record<string, unknown> {
  return { $artifact: [name, hash] };
}

/** Where an artifact is of which nothing is stored. */
export function key(name: string, digit: string): { name: string; hash: Hash } {
  return { name, hash: digit.repeat(32).slice(0, 32) as Hash };
}

/** What commands know of a store. */
export interface Known {
  context: TidyContext;
  graph: StoreGraph;
  inUse: InUse;
}

/** Reads a store as commands do. */
export async function know(store: Store, options: Partial<TidyContext> = {}): Promise<Known> {
  const context: TidyContext = { store, ages: await Ages.of(store), ...options };
  const graph = await readGraph(store);
  return { context, graph, inUse: await findInUse(context, graph) };
}

/** What is to be removed. */
export type Plan = (known: Known) => Promise<Removal[]>;

/** Does what is planned, as a command does. */
export async function apply(
  store: Store,
  plan: Plan,
  options: Partial<TidyContext> = {},
): Promise<void> {
  const known = await know(store, options);
  const end = keepOwner(store);
  const removals = await plan(known);
  await removeAll(removals);
  await end();
}

/** What processes have left that died two days ago: of a folder without an owner file only its age tells. */
export async function sweep(store: Store): Promise<void> {
  const plan: Plan = async ({ context, graph, inUse }) => await litterRemovals(context, { graph, inUse });
  await apply(store, plan, { ages: TWO_DAYS_LATER });
}

/** As if two days had gone by since everything. */
export const TWO_DAYS_LATER = new Ages(Date.now() + 2 * LEAST_AGE_MS);

/** Private names and owner folders. */
export function litterOf(rig: TidyRig): string[] {
  return rig.tree().filter((name) => /\.(tmp|trash)-|^owners\/./.test(name));
}

/**
 * Lets a process die at each of its steps, before and after it; what it leaves is looked at, and another one
 * goes on.
 */
export async function atEachStep(
  play: (options: { diesAt: number; after: boolean }) => Promise<{ died: boolean }>,
  { from = 1, stride = 1 } = {},
): Promise<number> {
  for (const after of [false, true]) {
    for (let diesAt = from;; diesAt += stride) {
      const { died } = await play({ diesAt, after });
      if (!died) {
        if (after) return diesAt;
        break;
      }
      assert(diesAt < 1000, "it never comes to its end");
    }
  }
  return 0;
}

export async function survived(work: Promise<unknown>): Promise<boolean> {
  try {
    await work;
    return true;
  } catch (error) {
    if (!(error instanceof Death) && !((error as Error).cause instanceof Death)) throw error;
    return false;
  }
}

/** A run as tests write it. */
export interface Begun {
  mode?: "pool" | "dag";
  nodes?: ArtifactKey[];
  stored?: ArtifactKey[];
  ended?: string;
  snapshot?: string;
  createdAt?: string;
}

/** Writes the record of a run as one that was begun long ago. */
export function begin(rig: TidyRig, runId: string, begun: Begun = {}): void {
  const { mode = "pool", nodes = [], stored = [], ended, snapshot, createdAt } = begun;
  const { record, ended: endedFile, run } = queuePaths(rig.root, runId);
  Deno.mkdirSync(run, { recursive: true });
  const { config } = testRuntime(rig.root);
  const head = {
    schema: 1,
    mode,
    runId,
    createdAt: createdAt ?? "2026-01-01T00:00:00.000Z",
    submitter: { host: "login", pid: 1 },
    versions: { furu: "0", deno: "2" },
    entry: "file:///p.ts",
    ...(snapshot === undefined ? {} : { code: { id: snapshot, digest: "d", base: "/p" } }),
    specs: {},
    config,
    force: [],
    git: null,
    counts: { nodes: nodes.length, cached: 0 },
    invalid: [],
    ...(mode === "dag" ? {} : {
      detached: true,
      options: { maxWorkers: 1, window: "bfs", idleTimeoutSec: 1, keepGoing: false, tasksPerWorker: 1 },
    }),
  };
  const node = ({ name, hash }: ArtifactKey) => ({
    hash,
    name,
    spec: "default",
    dependencies: [],
    ...(mode === "dag"
      ? { stored: stored.map(({ name, hash }) => ({ name, hash })), jobName: `furu-${hash}` }
      : {}),
  });
  const body = { schema: 1, runId, roots: nodes.map(({ hash }) => hash), nodes: nodes.map(node) };
  Deno.writeTextFileSync(`${run}/nodes.json`, JSON.stringify(body));
  Deno.writeTextFileSync(record, JSON.stringify(head));
  if (ended !== undefined) {
    const summary = { schema: 1, runId, term: 1, endedAt: ended, interrupted: false };
    Deno.writeTextFileSync(endedFile, JSON.stringify(summary));
  }
}
