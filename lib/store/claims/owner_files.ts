import { join } from "@std/path/posix/join";
import { StoreError } from "../../core/errors.ts";
import type { Heartbeat } from "../../core/system/machine.ts";
import { type ArtifactPaths, type OwnerPaths, ownerPaths, ownersDir } from "../layout.ts";
import type { ClaimRecord, SlurmJob } from "../record.ts";
import { RECORD_SCHEMA } from "../layout.ts";
import { removeIfThere, type Store } from "../store.ts";
import { checkLayout } from "./layout_number.ts";

/** Who makes a claim, and how it beats. */
export interface ClaimOptions {
  /** Who computes: `get`, `local`, or a Slurm backend. */
  backend: string;
  /** The run that the attempt is of. */
  run?: string | undefined;
  /** The worker that computes. */
  worker?: string | undefined;
  /** The Slurm job that it is computed in. */
  slurm?: SlurmJob | undefined;
  /**
   * Whether user code runs in this process, which may block it: then Ctrl-C has to work all the same.
   *
   * @default {false}
   */
  mayBlock?: boolean | undefined;
  /**
   * Milliseconds until the beating begins, where the claiming process runs no user code.
   *
   * @default {0}
   */
  beatAfterMs?: number | undefined;
}

/**
 * A file that stands for this process. A claim is a hard link to it, and its one heartbeat is that of all its
 * claims (ARCHITECTURE, "One attempt").
 */
export interface OwnerFile extends OwnerPaths {
  /** What it says. Its `id` is that of every attempt that is claimed with it. */
  readonly record: ClaimRecord;
  /** The number that it shares with its claims. */
  readonly ino: number;
  /** Aborts, with the reason, when this process was declared dead. */
  readonly lost: AbortSignal;
}

/**
 * An artifact is claimed with an owner file at most once, so that no removal can meet a later claim; those
 * that were are remembered, so their number is bounded.
 */
const MAX_CLAIMED = 10_000;
/** So many claims are held at the same time: a file takes 65,000 links on ext4, and 1,023 on NTFS. */
const MAX_HELD = 1000;
/** Milliseconds after which a claim that is gone is looked for again: somebody may look whose it is. */
const AGAIN_MS = 1000;

/** One owner file, and what it is used for. */
class Entry {
  readonly kind: string;
  readonly claimed = new Set<string>();
  id = "";
  /** Why its process counts as dead. */
  why: string | undefined;
  /** What is told when a claim that is held is lost, by its path. */
  readonly held = new Map<string, (reason: string) => void>();
  readonly over = new AbortController();
  readonly lost = new AbortController();
  file!: Promise<OwnerFile>;
  heartbeat: Heartbeat | undefined;
  /** Whether nothing more is claimed with it. */
  retired = false;
  ended: Promise<void> | undefined;

  constructor(kind: string) {
    this.kind = kind;
  }

  fits(claim: string): boolean {
    return !this.retired && !this.lost.signal.aborted && !this.claimed.has(claim) &&
      this.claimed.size < MAX_CLAIMED && this.held.size < MAX_HELD;
  }
}

/** The owner files of this process in a store: made when they are needed, removed when they are not. */
class OwnerFiles {
  readonly #store: Store;
  readonly #current = new Map<string, Entry>();
  /** Those that were made and not removed yet. */
  readonly #entries = new Set<Entry>();
  readonly #byFile = new WeakMap<OwnerFile, Entry>();
  /** Folders of tasks that are on another filesystem than the rest of the store. */
  readonly #apart = new Set<string>();
  #keepers = 0;

  /** Makes nothing yet. */
  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * A file that has never claimed this artifact. It is held for that claim until {@link give}.
   *
   * @throws {StoreError} If a newer furu made the store. The system's error where it cannot be made.
   */
  async take({ claim, taskDir }: ArtifactPaths, options: ClaimOptions): Promise<OwnerFile> {
    const { backend, run, worker, slurm, mayBlock } = options;
    const base = this.#apart.has(taskDir) ? join(taskDir, ".owners") : ownersDir(this.#store.root);
    const kind = JSON.stringify([base, backend, run, worker, slurm, mayBlock]);
    let entry = this.#current.get(kind);
    if (!entry?.fits(claim)) {
      if (entry) this.#retire(entry);
      entry = new Entry(kind);
      this.#current.set(kind, entry);
      this.#entries.add(entry);
      entry.file = this.#make(entry, base, options);
    }
    entry.claimed.add(claim);
    entry.held.set(claim, () => {});
    try {
      return await entry.file;
    } catch (error) {
      entry.held.delete(claim);
      this.#retire(entry);
      throw error;
    }
  }

  /** Tells once when a claim that is held is lost: removed by somebody else, or its process declared dead. */
  watch(file: OwnerFile, { claim }: ArtifactPaths, onLost: (reason: string) => void): void {
    const entry = this.#byFile.get(file);
    if (entry?.why !== undefined) onLost(entry.why);
    else entry?.held.set(claim, onLost);
  }

  /** A claim is held no more. Resolves when nothing is left of a file that nobody needs. */
  async give(file: OwnerFile, { claim }: ArtifactPaths): Promise<void> {
    const entry = this.#byFile.get(file);
    if (entry?.held.delete(claim)) await this.#tidy(entry);
  }

  /**
   * Whether a claim is a link to a file of this process that does not hold it any more: a file server that
   * went down has forgotten that it was removed. Nobody else would ever end it while this process lives.
   */
  hasLetGo({ id }: ClaimRecord, { claim }: ArtifactPaths): boolean {
    return [...this.#entries].some((entry) => entry.id === id && !entry.held.has(claim));
  }

  /** Nothing more is claimed with this file: it is gone, or has as many links as it can have. */
  retire(file: OwnerFile): void {
    const entry = this.#byFile.get(file);
    if (entry) this.#retire(entry);
  }

  /**
   * The folder of a task is on another filesystem than the rest of the store: its claims are links to files
   * of its own.
   *
   * @returns `false` where that was known.
   */
  setApart(taskDir: string): boolean {
    if (this.#apart.has(taskDir)) return false;
    this.#apart.add(taskDir);
    return true;
  }

  /**
   * Keeps the files while no claim is held for a moment, as a run does.
   *
   * @returns Ends that. It resolves when nothing is left of those that nobody needs.
   */
  keep(): () => Promise<void> {
    this.#keepers++;
    let kept = true;
    return async () => {
      if (!kept) return;
      kept = false;
      this.#keepers--;
      await Promise.all([...this.#entries].map((entry) => this.#tidy(entry)));
      try {
        await (await import("./dead_owner.ts")).sweepOwners(this.#store);
      } catch {
        // Litter is no reason to fail.
      }
    };
  }

  async #make(entry: Entry, base: string, options: ClaimOptions): Promise<OwnerFile> {
    const { machine, root, leaseSec, heartbeatSec } = this.#store;
    await checkLayout(this.#store);
    const id = entry.id = machine.randomId();
    const paths = ownerPaths(join(base, id));
    const record: ClaimRecord = {
      schema: RECORD_SCHEMA,
      id,
      dir: paths.dir.slice(root.length + 1),
      owner: machine.self,
      backend: options.backend,
      ...(options.run === undefined ? {} : { run: options.run }),
      ...(options.worker === undefined ? {} : { worker: options.worker }),
      ...(options.slurm === undefined ? {} : { slurm: options.slurm }),
      startedAt: new Date(machine.clock.now()).toISOString(),
      leaseSec,
    };
    await this.#store.makeDir(paths.dir);
    await this.#store.writeOwn(paths.path, JSON.stringify(record));
    const { ino = 0 } = await machine.files.stat(paths.path) ?? {};
    const file: OwnerFile = { ...paths, record, ino, lost: entry.lost.signal };
    this.#byFile.set(file, entry);
    // Loaded where it is needed: who only looks after one task does without.
    const lastWords = options.mayBlock
      ? (await import("./dead_owner.ts")).lastWordsOf(machine, paths.dir)
      : undefined;
    entry.heartbeat = machine.beat({
      path: paths.path,
      dead: paths.dead,
      intervalMs: heartbeatSec * 1000,
      afterMs: options.beatAfterMs,
      ...(lastWords === undefined ? {} : { lastWords }),
      onLost: (reason) => this.#lose(entry, reason),
    });
    void this.#lookAfter(entry, file);
    return file;
  }

  #lose(entry: Entry, reason: string): void {
    entry.why = reason;
    this.#retire(entry);
    entry.lost.abort(new StoreError(`Lost what is claimed with owner file ${entry.id}: ${reason}`));
    for (const [claim, onLost] of entry.held) {
      entry.held.set(claim, () => {});
      onLost(reason);
    }
  }

  /** Looks now and then whether the claims that are held are still there: a person may have removed one. */
  async #lookAfter(entry: Entry, file: OwnerFile): Promise<void> {
    const { clock } = this.#store.machine;
    const { signal } = entry.over;
    try {
      for (;;) {
        await clock.sleep(this.#store.heartbeatSec * 1000, signal);
        const missing = await this.#missing(file, [...entry.held]);
        if (missing.length === 0) continue;
        await clock.sleep(AGAIN_MS, signal);
        for (const [claim, onLost] of await this.#missing(file, missing)) {
          if (entry.held.get(claim) !== onLost) continue;
          entry.held.set(claim, () => {});
          onLost("it was removed by somebody else");
        }
      }
    } catch {
      // It has ended.
    }
  }

  async #missing<T>({ ino }: OwnerFile, held: [string, T][]): Promise<[string, T][]> {
    const missing: [string, T][] = [];
    for (const each of held) {
      try {
        if ((await this.#store.machine.files.stat(each[0]))?.ino !== ino) missing.push(each);
      } catch {
        // The file server does not answer: that says nothing.
      }
    }
    return missing;
  }

  #retire(entry: Entry): void {
    entry.retired = true;
    if (this.#current.get(entry.kind) === entry) this.#current.delete(entry.kind);
    void this.#tidy(entry).catch(() => {/* its folder is left to those who tidy up */});
  }

  async #tidy(entry: Entry): Promise<void> {
    if (entry.held.size > 0 || (this.#keepers > 0 && !entry.retired)) return;
    entry.retired = true;
    if (this.#current.get(entry.kind) === entry) this.#current.delete(entry.kind);
    await (entry.ended ??= this.#end(entry));
  }

  async #end(entry: Entry): Promise<void> {
    const { machine } = this.#store;
    entry.over.abort();
    const file = await entry.file.catch(() => undefined);
    await entry.heartbeat?.stop();
    this.#entries.delete(entry);
    if (!file) return;
    try {
      await removeIfThere(machine, file.path);
      if (await removeIfThere(machine, file.dir)) return;
      await machine.files.removeTree(file.dir);
    } catch {
      // What is left of it says that its process is gone, which is right.
    }
  }
}

const files = new WeakMap<Store, OwnerFiles>();

/** The owner files of this process in a store. */
export function ownersOf(store: Store): OwnerFiles {
  let owners = files.get(store);
  if (!owners) files.set(store, owners = new OwnerFiles(store));
  return owners;
}
