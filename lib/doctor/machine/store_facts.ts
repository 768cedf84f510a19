import { basename } from "@std/path/posix/basename";
import { dirname } from "@std/path/posix/dirname";
import { join } from "@std/path/posix/join";
import { errorCode } from "../../core/errors.ts";
import type { ProgramRunner } from "../../slurm/client/program.ts";
import { type Mount, mountOf, parseMounts } from "./mounts.ts";
import { parseLustreQuota, parseQuota, type Quota } from "./quota.ts";

/** The facts of a store's filesystem. */
export interface StoreFacts {
  /** Where the store is, or would be made. */
  place: {
    root: string;
    /** The nearest folder that is there: the store's own, or one above it. */
    base: string;
    exists: boolean;
    /** Permission bits of the base. */
    mode: number;
    umask: number;
    mount?: Mount | undefined;
  };
  /** Making the folder in which all else is tried. */
  write: Record<string, never>;
  /** Hard links. */
  links: { exclusive: boolean; sameFile: boolean; counted: boolean };
  /** The most names that a file may have. */
  linkLimit: { most: number };
  /** Making a file that must not be there yet. */
  exclusive: { refused: boolean };
  /** Renaming over what is there, and a folder. */
  rename: { replaced: boolean; folder: boolean };
  /** Changing a file's time through a handle, as heartbeats do. */
  touch: { changed: boolean; granularityMs: number };
  /** Milliseconds that it took each time until what was written was on the disk. */
  sync: { ms: number[] };
  /** Milliseconds that making, linking, renaming and removing a file took together, each time. */
  steps: { ms: number[] };
  /** What is left, in bytes and in files. */
  space: { free: number; size: number; files: number; freeFiles: number };
  /** What the user is allowed. */
  quota: Quota;
  /** Whether `a` and `A` are two names. */
  letters: { differ: boolean };
  /** A file that is open and has no name left. */
  unlinked: { readable: boolean; leaves: string[] };
  /** Permission bits that were set. */
  modes: { kept: boolean };
  /** The time of a fresh file less this machine's, in milliseconds. */
  clock: { aheadMs: number; unsureMs: number };
}

/** Where it is tried. */
export interface StorePlace {
  /** The store's folder, absolute. */
  root: string;
  /** The name of the folder that is made, and removed. */
  name: string;
  /** Starts programs. */
  run: ProgramRunner;
}

/** What each folder's name begins with in which a store's filesystem is tried. */
export const TRIAL_PREFIX = ".furu-doctor-";
/** What such a process has left is removed by the next one after a day. */
const LEFT_MS = 86_400_000;
const TIMES = 7;

/** Looks at each fact, in this order; the first two decide whether there is anything to look at. */
export const storeProbes: { readonly [K in keyof StoreFacts]: (at: StorePlace) => Promise<StoreFacts[K]> } = {
  place: async ({ root }) => {
    const base = nearestFolder(root);
    const text = await Deno.readTextFile("/proc/self/mountinfo").catch(() => "");
    return {
      root,
      base,
      exists: base === root,
      mode: (Deno.statSync(base).mode ?? 0) & 0o7777,
      umask: Deno.umask(),
      mount: mountOf(Deno.realPathSync(base), parseMounts(text)),
    };
  },
  write: (at) => {
    const dir = trialFolder(at);
    Deno.mkdirSync(dir);
    removeLeft(dir);
    return Promise.resolve({});
  },
  links: (at) => {
    const dir = trialFolder(at);
    const [one, other] = [join(dir, "link1"), join(dir, "link2")];
    Deno.writeTextFileSync(one, "1");
    Deno.linkSync(one, other);
    const [a, b] = [Deno.lstatSync(one), Deno.lstatSync(other)];
    return Promise.resolve({
      exclusive: failsWith("EEXIST", () => Deno.linkSync(one, other)),
      sameFile: a.ino === b.ino,
      counted: b.nlink === 2,
    });
  },
  linkLimit: async (at) => {
    const { code, stdout, stderr } = await ask(at, ["getconf", "LINK_MAX", trialFolder(at)]);
    if (code !== 0 || !/^\d+$/.test(stdout.trim())) throw new Error(stderr.trim() || "getconf does not tell");
    return { most: Number(stdout.trim()) };
  },
  exclusive: (at) => {
    const path = join(trialFolder(at), "exclusive");
    const make = (): void => Deno.writeTextFileSync(path, "1", { createNew: true });
    make();
    return Promise.resolve({ refused: failsWith("EEXIST", make) });
  },
  rename: (at) => {
    const dir = trialFolder(at);
    Deno.writeTextFileSync(join(dir, "new"), "new");
    Deno.writeTextFileSync(join(dir, "old"), "old");
    Deno.renameSync(join(dir, "new"), join(dir, "old"));
    Deno.mkdirSync(join(dir, "folder"));
    Deno.writeTextFileSync(join(dir, "folder", "inside"), "");
    Deno.renameSync(join(dir, "folder"), join(dir, "folder2"));
    return Promise.resolve({
      replaced: Deno.readTextFileSync(join(dir, "old")) === "new",
      folder: [...Deno.readDirSync(join(dir, "folder2"))].length === 1,
    });
  },
  touch: (at) => {
    const path = join(trialFolder(at), "touched");
    Deno.writeTextFileSync(path, "");
    using file = Deno.openSync(path, { read: true });
    const now = Date.now();
    const setTo = (ms: number): number => {
      file.utimeSync(new Date(ms), new Date(ms));
      return file.statSync().mtime?.getTime() ?? 0;
    };
    const first = setTo(now);
    const changed = setTo(now + 40_000) > first;
    // The coarsest unit that leaves these apart, and rounds the last one away.
    const granularityMs = [1, 10, 100, 1000, 2000].find((step) => {
      const base = Math.floor(now / 10_000) * 10_000;
      return setTo(base + step) === base + step;
    });
    return Promise.resolve({ changed, granularityMs: granularityMs ?? 60_000 });
  },
  sync: async (at) => {
    const ms: number[] = [];
    for (let i = 0; i < TIMES; i++) {
      using file = Deno.openSync(join(trialFolder(at), `sync${i}`), { write: true, createNew: true });
      const begun = performance.now();
      file.writeSync(new Uint8Array(4096).fill(i + 1));
      await file.syncData();
      ms.push(performance.now() - begun);
    }
    return { ms };
  },
  steps: (at) => {
    const ms = Array.from({ length: TIMES }, (_, i) => {
      const path = join(trialFolder(at), `step${i}`);
      const begun = performance.now();
      Deno.writeTextFileSync(path, "1");
      Deno.linkSync(path, `${path}.link`);
      Deno.renameSync(path, `${path}.moved`);
      Deno.removeSync(`${path}.link`);
      Deno.removeSync(`${path}.moved`);
      return performance.now() - begun;
    });
    return Promise.resolve({ ms });
  },
  space: async ({ root }) => {
    const { statfsSync } = await import("node:fs");
    const { bsize, blocks, bavail, files, ffree } = statfsSync(nearestFolder(root));
    return { free: bavail * bsize, size: blocks * bsize, files, freeFiles: ffree };
  },
  quota: async (at) => {
    const { mount, base } = await storeProbes.place(at);
    if (mount?.type === "lustre") {
      const uid = Deno.statSync(trialFolder(at)).uid;
      const { code, stdout, stderr } = await ask(at, ["lfs", "quota", "-q", "-u", `${uid}`, base]);
      if (code !== 0) throw new Error(stderr.trim());
      return parseLustreQuota(stdout);
    }
    const { stdout, stderr, code } = await ask(at, ["quota", "-w", "-p", "-u"]);
    if (code === undefined) throw new Error(stderr.trim());
    return parseQuota(stdout, mount?.source ?? "");
  },
  letters: (at) => {
    Deno.writeTextFileSync(join(trialFolder(at), "letters"), "");
    const differ = failsWith("ENOENT", () => Deno.lstatSync(join(trialFolder(at), "LETTERS")));
    return Promise.resolve({ differ });
  },
  unlinked: (at) => {
    const dir = trialFolder(at);
    Deno.writeTextFileSync(join(dir, "open"), "text");
    const before = new Set([...Deno.readDirSync(dir)].map(({ name }) => name));
    using file = Deno.openSync(join(dir, "open"), { read: true });
    Deno.removeSync(join(dir, "open"));
    const leaves = [...Deno.readDirSync(dir)].map(({ name }) => name).filter((name) => !before.has(name));
    let readable = false;
    try {
      readable = file.readSync(new Uint8Array(4)) === 4;
    } catch { /* it is not */ }
    return Promise.resolve({ readable, leaves });
  },
  modes: (at) => {
    const path = join(trialFolder(at), "modes");
    Deno.writeTextFileSync(path, "");
    const isKept = (mode: number): boolean => {
      Deno.chmodSync(path, mode);
      return ((Deno.lstatSync(path).mode ?? 0) & 0o777) === mode;
    };
    return Promise.resolve({ kept: isKept(0o640) && isKept(0o664) });
  },
  clock: (at) => {
    let best = { aheadMs: 0, unsureMs: Infinity };
    for (let i = 0; i < TIMES; i++) {
      const path = join(trialFolder(at), `clock${i}`);
      const before = Date.now();
      Deno.writeTextFileSync(path, "1");
      const made = Deno.lstatSync(path).mtime?.getTime() ?? 0;
      const after = Date.now();
      const unsureMs = (after - before) / 2;
      if (unsureMs < best.unsureMs) best = { aheadMs: Math.round(made - (before + after) / 2), unsureMs };
    }
    return Promise.resolve(best);
  },
};

/** The folder in which it is tried. */
export function trialFolder({ root, name }: Pick<StorePlace, "root" | "name">): string {
  return join(nearestFolder(root), name);
}

/** The nearest folder at or above a path that is there. */
function nearestFolder(path: string): string {
  for (let dir = path;; dir = dirname(dir)) {
    try {
      if (Deno.statSync(dir).isDirectory) return dir;
    } catch (error) {
      if (errorCode(error) !== "ENOENT" && errorCode(error) !== "ENOTDIR") throw error;
    }
    if (dirname(dir) === dir) return dir;
  }
}

/** What processes have left that were killed, by the file server's own clock. */
function removeLeft(own: string): void {
  const now = Deno.lstatSync(own).mtime?.getTime() ?? 0;
  const above = dirname(own);
  for (const { name } of Deno.readDirSync(above)) {
    if (!name.startsWith(TRIAL_PREFIX) || name === basename(own)) continue;
    try {
      const changed = Deno.lstatSync(join(above, name)).mtime?.getTime() ?? now;
      if (now - changed > LEFT_MS) Deno.removeSync(join(above, name), { recursive: true });
    } catch { /* another user's, or gone already */ }
  }
}

function ask({ run }: StorePlace, command: string[]): ReturnType<ProgramRunner> {
  return run(command, { env: { ...Deno.env.toObject(), LC_ALL: "C" }, timeoutMs: 10_000 });
}

function failsWith(code: string, step: () => void): boolean {
  try {
    step();
    return false;
  } catch (error) {
    if (errorCode(error) === code) return true;
    throw error;
  }
}
