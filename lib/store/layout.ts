import { join } from "@std/path/posix/join";
import { type Hash, hashText } from "../core/hash.ts";
import type { Machine, Owner } from "../core/system/machine.ts";

/** An artifact as the store knows it. */
export interface ArtifactKey {
  /** The task's name. */
  readonly name: string;
  /** The artifact's hash. */
  readonly hash: Hash;
}

/** Which attempt: `n` is for people (two may share it), `id` makes it unique. */
export interface AttemptKey {
  /** From 1. */
  readonly n: number;
  /** 12 hex digits: those of the owner file that claimed it, which claims no artifact twice. */
  readonly id: string;
}

/** Where everything of one artifact is (ARCHITECTURE, "The store"). */
export interface ArtifactPaths extends ArtifactKey {
  /** The folder of the task: holds all records of that task. */
  readonly taskDir: string;
  /** The success record: its existence is "done". */
  readonly record: string;
  /** The artifact's own folder, there only while something is to be kept in it. */
  readonly home: string;
  /** The claim of the attempt that runs now: one more name of its process's owner file. */
  readonly claim: string;
}

/** Where everything of one owner file is. */
export interface OwnerPaths {
  /** Its folder. Private names of its process go into it, and are removed with it. */
  readonly dir: string;
  /** The file itself: its time of change is the heartbeat of all claims that are links to it. */
  readonly path: string;
  /** Says that its process was declared dead, and why: all its claims are free. */
  readonly dead: string;
}

/** Where everything of one attempt is. */
export interface AttemptPaths {
  /** How the attempt ended. */
  readonly end: string;
  /** `ctx.dir`. */
  readonly files: string;
  /** What the attempt printed. */
  readonly log: string;
  /** `ctx.checkpointDir`. */
  readonly checkpoint: string;
  /** The attempt's success record after another one replaced it. */
  readonly replaced: string;
  /** What this attempt found in place of a record, could not be read, and was replaced by its own. */
  readonly damaged: string;
}

/** What a name in an artifact's folder is. */
export interface AttemptName extends AttemptKey {
  /** Which of {@link AttemptPaths}. */
  readonly kind: keyof AttemptPaths;
}

const SUFFIXES = {
  files: "",
  log: ".log",
  checkpoint: ".checkpoint",
  replaced: ".replaced.json",
  damaged: ".damaged.json",
};
const KINDS = new Map<string, keyof AttemptPaths>([
  ...Object.entries(SUFFIXES).map(([kind, suffix]) => [suffix, kind as keyof AttemptPaths] as const),
  // How ends were called before layout 2, which are read as any other.
  [".json", "end"],
]);

/** Version of all records; a change of their form is a new number, and old records stay readable. */
export const RECORD_SCHEMA = 1;

/** Version of the store's layout, as its `layout.json` says: 2 since claims are links to owner files. */
export const LAYOUT = 2;

/** The file that says which version a store's layout has. */
export function layoutFile(root: string): string {
  return join(root, "layout.json");
}

/** The folder of all owner files, but for those of folders that are on another filesystem. */
export function ownersDir(root: string): string {
  return join(root, "owners");
}

/** Where everything of an owner file is. */
export function ownerPaths(dir: string): OwnerPaths {
  return { dir, path: `${dir}/owner.json`, dead: `${dir}/dead.json` };
}

/** The folder below which all artifacts are. */
export function artifactsDir(root: string): string {
  return join(root, "artifacts");
}

/** The folder of one task's artifacts. */
export function taskDir(root: string, name: string): string {
  return join(root, "artifacts", name);
}

/**
 * Where everything of an artifact is. Asked for by every `get`: names are checked and the root is normal, so
 * they are put together without `join`, which would take a fifth of the time that loading a small value
 * takes.
 */
export function artifactPaths(root: string, { name, hash }: ArtifactKey): ArtifactPaths {
  const dir = `${root}/artifacts/${name}`;
  const home = `${dir}/${hash}`;
  return { name, hash, taskDir: dir, record: `${home}.json`, home, claim: `${home}.claim` };
}

/** Where everything of an attempt is. */
export function attemptPaths({ home }: ArtifactPaths, { n, id }: AttemptKey): AttemptPaths {
  const stem = `${home}/${n}-${id}`;
  return {
    // Not by its number: whoever ends the attempt of somebody else does not know that.
    end: `${home}/end-${id}.json`,
    files: stem,
    log: stem + SUFFIXES.log,
    checkpoint: stem + SUFFIXES.checkpoint,
    replaced: stem + SUFFIXES.replaced,
    damaged: stem + SUFFIXES.damaged,
  };
}

/**
 * Reads a name in an artifact's folder; `undefined` for what is not of an attempt. An end has no number in
 * its name: 0.
 */
export function parseAttemptName(name: string): AttemptName | undefined {
  const end = /^end-([0-9a-z]{1,40})\.json$/.exec(name);
  if (end) return { n: 0, id: end[1] as string, kind: "end" };
  const match = /^([1-9]\d{0,8})-([0-9a-z]{1,40})(\..+)?$/.exec(name);
  const kind = KINDS.get(match?.[3] ?? "");
  return match && kind ? { n: Number(match[1]), id: match[2] as string, kind } : undefined;
}

/**
 * The number of an attempt, for people: one more than what is there of others. Its own names tell it, where
 * there are any.
 *
 * @param names The names in the artifact's folder.
 */
export function attemptNumber(names: readonly string[], id: string): number {
  const known = names.flatMap((name) => parseAttemptName(name) ?? []);
  const own = known.find((each) => each.id === id && each.n > 0);
  if (own) return own.n;
  const others = known.filter((each) => each.id !== id);
  const ends = new Set(others.filter(({ kind }) => kind === "end").map((end) => end.id));
  return 1 + others.reduce((most, { n }) => Math.max(most, n), ends.size);
}

/** A new private name in a folder. It carries its owner, so that it can be swept when the owner is dead. */
export function privateName(dir: string, kind: "tmp" | "trash", machine: Machine): string {
  const { self } = machine;
  return join(dir, `.${kind}-${placeTag(self)}-${self.pid}-${self.start ?? "x"}-${machine.randomId()}`);
}

/** Whose private name that is, as far as it can be told from here; `undefined` for any other name. */
export function privateNameOwner(name: string, self: Owner): { owner?: Owner } | undefined {
  const match = /^\.(?:tmp|trash)-([0-9a-f]{8})-(\d+)-(\d+|x)-/.exec(name);
  if (!match) return undefined;
  const start = match[3] as string;
  if (match[1] !== placeTag(self) || start === "x") return {};
  return { owner: { ...self, pid: Number(match[2]), start } };
}

const placeTags = new WeakMap<Owner, string>();

/** Host, boot and PID namespace in 8 hex digits: within it a pid and a start time name one process. */
function placeTag(owner: Owner): string {
  let tag = placeTags.get(owner);
  if (tag === undefined) {
    tag = hashText(`${owner.host}\n${owner.boot}\n${owner.pidNamespace}`).slice(0, 8);
    placeTags.set(owner, tag);
  }
  return tag;
}

/** Where a run's progress is. */
export function progressPath(root: string, runId: string): string {
  return `${root}/runs/${runId}/progress.json`;
}
