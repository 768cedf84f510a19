import type { Machine } from "../../lib/core/system/machine.ts";
import { type ArtifactPaths, ownerPaths } from "../../lib/store/layout.ts";
import type { Inode } from "./inode.ts";
import { JOURNAL_MS } from "./name_journal.ts";
import type { SimProcess } from "./process.ts";
import { ROOT } from "./sim_runtime.ts";
import { Violation } from "./violation.ts";
import type { World } from "./world.ts";

/** What became of records in power cuts. */
export interface KeptRecords {
  /** How many records were lost that had just been committed, or are as they were before they were replaced. */
  undone: number;
}

/**
 * A success record that was once there never goes or changes, unless it is one that is `replaced`. A power cut may
 * undo what was committed in the seconds before it, but leaves nothing torn.
 */
export function keepRecords(world: World, records: readonly string[], replaced = false): KeptRecords {
  /** Since when it is as it is, and since when there is one. */
  const kept = new Map<string, { text: string; since: number; first: number }>();
  const whole = new Set<string>();
  const result: KeptRecords = { undone: 0 };
  let cuts = 0;
  for (const path of records) {
    const text = world.disk.read(path);
    if (text === undefined) continue;
    kept.set(path, { text, since: -Infinity, first: -Infinity });
    whole.add(text);
  }
  world.watch(() => {
    const cut = world.cuts.length > cuts ? world.cuts.at(-1) : undefined;
    cuts = world.cuts.length;
    for (const path of records) {
      const now = world.disk.read(path);
      const before = kept.get(path);
      if (now === before?.text) continue;
      const isFresh = (since = -Infinity) => since >= world.time - JOURNAL_MS;
      const undone = cut !== undefined && cut.kind !== "powerCut" &&
        (now === undefined ? isFresh(before?.first) : replaced && whole.has(now) && isFresh(before?.since));
      if (undone) result.undone++;
      else if (cut !== undefined || before !== undefined && !(replaced && now !== undefined)) {
        throw new Violation(`the record ${path} changed from ${before?.text} to ${now}`);
      }
      if (now === undefined) kept.delete(path);
      else {
        kept.set(path, { text: now, since: world.time, first: before?.first ?? world.time });
        whole.add(now);
      }
    }
  });
  return result;
}

/** Who owns the end of an attempt is settled once: what it says never changes. */
export function keepEnds(world: World, all: readonly ArtifactPaths[]): void {
  const kept = new Map<string, Inode>();
  let cuts = 0;
  world.watch(() => {
    if (world.cuts.length > cuts) kept.clear();
    cuts = world.cuts.length;
    for (const { home } of all) {
      const entries = world.disk.find(home)?.entries;
      for (const path of kept.keys()) {
        if (path.startsWith(`${home}/`) && !entries?.has(path.slice(home.length + 1))) kept.delete(path);
      }
      for (const [name, inode] of entries ?? []) {
        if (!name.startsWith("end-")) continue;
        const path = `${home}/${name}`;
        const before = kept.get(path);
        if (before !== undefined && before !== inode) {
          throw new Violation(`the end ${path} changed to ${inode.text()}`);
        }
        kept.set(path, inode);
      }
    }
  });
}

/** Faults after which nobody can put back a claim that was taken away. */
const HINDER = ["eio", "full", "lost"];

/** A claim that somebody has taken away, whose owner lives and holds it. */
interface Away {
  inode: Inode;
  by: SimProcess;
  hindered: number;
  /** Whether somebody has claimed the artifact meanwhile, so that it could not be put back. */
  raced: boolean;
}

/**
 * A claim is taken from a process that lives only to look whose it is: it is put back, unless the process was declared
 * dead, or has ended the attempt, or another one was faster.
 */
export function keepClaims(world: World, all: readonly ArtifactPaths[]): void {
  const claims = all.map((paths) => new ClaimGuard(world, paths));
  world.watch(() => {
    for (const claim of claims) claim.check();
  });
}

class ClaimGuard {
  readonly #world: World;
  readonly #paths: ArtifactPaths;
  readonly #records = new Map<Inode, { id: string; dir: string; owner: Machine["self"] }>();
  readonly #ended = new Set<Inode>();
  #held: Inode | undefined;
  #away: Away[] = [];
  #cuts = 0;

  constructor(world: World, paths: ArtifactPaths) {
    this.#world = world;
    this.#paths = paths;
  }

  check(): void {
    const { disk, cuts, acting } = this.#world;
    const now = disk.find(this.#paths.claim);
    if (cuts.length > this.#cuts) {
      this.#cuts = cuts.length;
      this.#away = [];
      this.#held = now;
    }
    if (now !== undefined) this.#note(now);
    if (now !== this.#held) {
      const before = this.#held;
      this.#held = now;
      if (before !== undefined && acting !== undefined && this.#isRight(before, acting)) {
        this.#away.push({ inode: before, by: acting, hindered: this.#hindered(), raced: false });
      }
      if (now !== undefined) {
        this.#away = this.#away.filter(({ inode }) => inode !== now);
        for (const away of this.#away) away.raced = true;
      }
    }
    this.#away = this.#away.filter((away) => this.#isMissed(away));
  }

  /** Remembers whose it is, and that its attempt has ended. */
  #note(inode: Inode): void {
    try {
      if (!this.#records.has(inode)) this.#records.set(inode, JSON.parse(inode.text()));
    } catch {
      return; // torn by a power cut
    }
    const { id } = this.#records.get(inode)!;
    const { disk } = this.#world;
    const isEnded = disk.find(`${this.#paths.home}/end-${id}.json`) !== undefined ||
      disk.read(this.#paths.record)?.includes(`"id":"${id}"`);
    if (isEnded) this.#ended.add(inode);
  }

  /** Whether a claim is that of another process which lives, has not ended its attempt and was not declared dead. */
  #isRight(inode: Inode, by: SimProcess): boolean {
    this.#note(inode);
    const record = this.#records.get(inode);
    if (record === undefined || this.#ended.has(inode) || record.owner.pid === by.owner.pid) return false;
    if (this.#world.disk.find(ownerPaths(`${ROOT}/${record.dir}`).dead) !== undefined) return false;
    const owner = this.#world.processes.find((process) => process.owner.pid === record.owner.pid);
    return owner !== undefined && !owner.gone;
  }

  #isMissed(away: Away): boolean {
    const { inode, by, hindered, raced } = away;
    if (raced || by.gone || hindered !== this.#hindered() || !this.#isRight(inode, by)) return false;
    if (this.#isSomewhere(inode)) return true;
    throw new Violation(`${by.label} removed the claim of a process that lives: ${inode.text()}`);
  }

  #isSomewhere(inode: Inode): boolean {
    const { disk } = this.#world;
    return disk.paths(ROOT).some((path) => path.includes("/.trash-") && disk.find(path) === inode);
  }

  #hindered(): number {
    const { counts } = this.#world.fates;
    return HINDER.reduce((sum, kind) => sum + (counts[kind] ?? 0), 0);
  }
}

/**
 * When all is over, a process on a host of its own, to which nothing happens, has what it asks for: whatever went wrong
 * before, nobody has to clear anything away.
 */
export async function afterwards<T>(
  world: World,
  main: (machine: Machine, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  world.calm();
  const process = world.spawn("afterwards", "c", main);
  await world.run();
  if (process.failed) throw new Violation(`afterwards somebody fails: ${Deno.inspect(process.error)}`);
  return process.value as T;
}
