import { errorText } from "../../core/errors.ts";
import { folderIfKnown } from "../../core/paths.ts";
import { mayRead } from "./left_programs.ts";
import { isNodeLoaded } from "./owned.ts";
import { STATUS_PAGE } from "./proc_page.ts";

/** The state of a process that a task can change for all others, and that can be put back. */
export class ProcessState {
  readonly #cwd = folderIfKnown();
  readonly #env = environment();
  readonly #umask = umask();
  readonly #exitCode = Deno.exitCode;
  #changes = changesNoted();

  /**
   * Whether the process still has this state.
   *
   * @param closely Whether to look also for changes of the environment that go past Deno's own functions:
   * node's modules and native code can make them, and reading all variables takes longer than all else here.
   */
  holds(closely = true): boolean {
    if (this.#cwd !== folderIfKnown() || this.#exitCode !== Deno.exitCode) return false;
    // Asked only where somebody may have changed them.
    const isNoted = this.#changes !== changesNoted();
    if (!isNoted && !isNodeLoaded()) return true;
    if (this.#umask !== umask()) return false;
    if ((isNoted || closely) && !sameEnv(this.#env, environment())) return false;
    this.#changes = changesNoted();
    return true;
  }

  /**
   * Makes the process what it was.
   *
   * @returns What cannot be put back, in words; mostly nothing.
   */
  restore(): string[] {
    if (this.#umask !== undefined) Deno.umask(this.#umask);
    Deno.exitCode = this.#exitCode;
    const now = environment();
    for (const name in now) if (!(name in this.#env)) Deno.env.delete(name);
    for (const name in this.#env) {
      if (now[name] !== this.#env[name]) Deno.env.set(name, this.#env[name]!);
    }
    if (this.#cwd === folderIfKnown()) return [];
    try {
      if (this.#cwd === undefined) throw new Error("it had been removed");
      Deno.chdir(this.#cwd);
      return [];
    } catch (error) {
      return [`its folder, which cannot be entered again (${errorText(error)})`];
    }
  }
}

let changes = -1;

/**
 * Counts the changes of environment and umask by Deno's own functions, which are watched from the first call
 * on.
 */
function changesNoted(): number {
  if (changes >= 0) return changes;
  changes = 0;
  const note = <T extends object>(object: T, name: keyof T & string): void => {
    const original = object[name] as (...args: unknown[]) => unknown;
    const noting = {
      [name](this: unknown, ...args: unknown[]): unknown {
        if (args.length > 0) changes++;
        return original.apply(this, args);
      },
    }[name];
    try {
      object[name] = noting as T[typeof name];
    } catch {
      // Where it cannot be watched both are asked each time.
    }
    if (object[name] as unknown !== noting) changes = NaN;
  };
  note(Deno.env, "set");
  note(Deno.env, "delete");
  note(Deno as { umask: typeof Deno.umask }, "umask");
  return changes;
}

/** A process may not change either what it may not read. */
let may: { env: boolean; sys: boolean; read: boolean } | undefined;

function allowed(): NonNullable<typeof may> {
  return may ??= {
    env: mayRead({ name: "env" }),
    sys: mayReadUmask(),
    read: mayRead({ name: "read" }),
  };
}

function mayReadUmask(): boolean {
  try {
    return mayRead({ name: "sys", kind: "umask" as "uid" });
  } catch {
    return true; // where Deno has no such permission the umask may be read by all
  }
}

function environment(): Record<string, string> {
  return allowed().env ? Deno.env.toObject() : {};
}

/**
 * The umask. The system's call for it can only set one: `Deno.umask()` sets 0 and then what was there.
 * Threads that ask at the same time see that 0, files made meanwhile are writable for all, and the 0 may
 * stay. So it is read from Linux's own page about the process where that may be read.
 */
function umask(): number | undefined {
  if (!allowed().sys) return undefined;
  const [, digits] = /^Umask:\s*([0-7]+)$/m.exec(STATUS_PAGE.text() ?? "") ?? [];
  return digits === undefined ? Deno.umask() : parseInt(digits, 8);
}

function sameEnv(then: Record<string, string>, now: Record<string, string>): boolean {
  let count = 0;
  for (const name in then) {
    if (then[name] !== now[name]) return false;
    count++;
  }
  for (const _ in now) count--;
  return count === 0;
}
