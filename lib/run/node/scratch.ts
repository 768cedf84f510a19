import { isAbsolute } from "@std/path/posix/is-absolute";
import { join } from "@std/path/posix/join";
import { ComputeError, errorCode, errorText } from "../../core/errors.ts";
import { hashText } from "../../core/hash.ts";
import type { Machine, Owner } from "../../core/system/machine.ts";
import { ownNode } from "./share.ts";

/** The part of a machine that scratch folders need. */
export type ScratchMachine = Pick<Machine, "files" | "self" | "isGone" | "randomId">;

/** Where scratch folders are made, the first one that there is. */
const VARIABLES = ["SLURM_TMPDIR", "TMPDIR"];

/**
 * The folder in which scratch folders are made on this machine.
 *
 * @param setting The setting `scratchDir`. Variables in it have the values that they have here; where one is
 * not set it is passed over.
 */
export function scratchParent(setting: string | undefined, variable = ownNode.variable): string {
  let missing = false;
  const filled = setting?.replace(/\$(?:\{(\w+)\}|(\w+))/g, (_, braced, bare) => {
    const value = variable(braced ?? bare);
    missing ||= !value;
    return value ?? "";
  });
  const given = [missing ? undefined : filled, ...VARIABLES.map(variable)];
  return given.find((path) => path !== undefined && isAbsolute(path)) ?? "/tmp";
}

/** The scratch folder of an attempt, made when it is first asked for. */
export class Scratch {
  readonly #machine: ScratchMachine;
  readonly #parent: () => string;
  readonly #warn: (text: string) => void;
  #dir: string | undefined;
  #sweeping: Promise<void> | undefined;

  /**
   * @param parent Tells where it is made.
   * @param warn Told of one that cannot be removed.
   */
  constructor(machine: ScratchMachine, parent: () => string, warn: (text: string) => void) {
    this.#machine = machine;
    this.#parent = parent;
    this.#warn = warn;
  }

  /**
   * Its path.
   *
   * @throws {ComputeError} If it cannot be made.
   */
  get dir(): string {
    if (this.#dir !== undefined) return this.#dir;
    const { files } = this.#machine;
    const parent = this.#parent();
    const dir = join(parent, scratchName(this.#machine));
    try {
      files.mkdirNow(dir);
      files.chmodNow(dir, 0o700);
    } catch (cause) {
      throw new ComputeError(
        `Cannot make a scratch folder in ${parent}, which the setting scratchDir, SLURM_TMPDIR or TMPDIR ` +
          `names: ${errorText(cause)}`,
        { cause },
      );
    }
    this.#sweeping = sweepOnce(this.#machine, parent);
    return this.#dir = dir;
  }

  /** Removes it, with all in it. One that cannot be removed is told. */
  async remove(): Promise<void> {
    if (this.#dir === undefined) return;
    try {
      await removeAll(this.#machine, this.#dir);
    } catch (error) {
      this.#warn(
        `leaves its scratch folder ${this.#dir} behind, as it cannot be removed: ${errorText(error)}`,
      );
    }
    await this.#sweeping;
  }
}

const swept = new Map<string, Promise<void>>();

function sweepOnce(machine: ScratchMachine, parent: string): Promise<void> {
  let sweeping = swept.get(parent);
  if (!sweeping) swept.set(parent, sweeping = sweepScratch(machine, parent));
  return sweeping;
}

/**
 * Removes the scratch folders of processes of this machine that are gone for sure. What cannot be removed
 * stays, as what is another user's.
 */
export async function sweepScratch(machine: ScratchMachine, parent: string): Promise<void> {
  try {
    for (const { name } of await machine.files.list(parent)) {
      if (isLeft(name, machine)) await removeAll(machine, join(parent, name)).catch(() => {});
    }
  } catch (error) {
    // It is for tidiness alone.
    if (errorCode(error) === undefined) throw error;
  }
}

/** `furu-scratch-<host>-<boot>-<PID namespace>-<pid>-<start>-<random>`. */
function scratchName({ self, randomId }: ScratchMachine): string {
  return `furu-scratch-${placeOf(self).join("-")}-${self.pid}-${self.start ?? "x"}-${randomId()}`;
}

/** Whether it is the folder of a process that is gone: of an earlier boot of this host, or by its number. */
function isLeft(name: string, { self, isGone }: ScratchMachine): boolean {
  const match = /^furu-scratch-([0-9a-f]{8})-([0-9a-f]{8})-([0-9a-f]{8})-(\d+)-(\d+)-[0-9a-f]+$/.exec(name);
  if (!match) return false;
  const [, host, boot, namespace, pid, start] = match;
  const [ownHost, ownBoot, ownNamespace] = placeOf(self);
  if (host !== ownHost || self.boot === undefined) return false;
  if (boot !== ownBoot) return true;
  return namespace === ownNamespace && isGone({ ...self, pid: Number(pid), start: start! });
}

const places = new WeakMap<Owner, readonly string[]>();

/** Host, boot and PID namespace, 8 hex digits each. */
function placeOf(owner: Owner): readonly string[] {
  let place = places.get(owner);
  if (!place) {
    // Containers of several machines may have one name.
    const host = `${owner.host}\n${machineId()}`;
    place = [host, `${owner.boot}`, `${owner.pidNamespace}`].map((text) => hashText(text).slice(0, 8));
    places.set(owner, place);
  }
  return place;
}

function machineId(): string {
  try {
    return Deno.readTextFileSync("/etc/machine-id").trim();
  } catch {
    return ""; // its name has to do
  }
}

/** A folder that may not be written keeps what is in it: it is given the right. */
async function removeAll({ files }: Pick<Machine, "files">, path: string): Promise<void> {
  try {
    await files.removeTree(path);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT") return;
    if (code !== "EACCES" && code !== "EPERM" && code !== "ENOTEMPTY") throw error;
    await openFolders(files, path);
    await files.removeTree(path);
  }
}

async function openFolders(files: Machine["files"], path: string): Promise<void> {
  await files.chmod(path, 0o700);
  for (const { name, isDirectory } of await files.list(path)) {
    if (isDirectory) await openFolders(files, join(path, name));
  }
}
