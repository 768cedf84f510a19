import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock } from "../../core/system/clock.ts";
import { ComputeError, PermanentError } from "../../core/errors.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { Builtins, type SharedChange } from "./builtins.ts";
import { isNodeLoaded, type Owned, watchCommands, watchNodeProcess, watchOwned } from "./owned.ts";
import { ProcessState } from "./process_state.ts";
import { endPrograms, type LeftProgram, markEnv, type ProgramOwner } from "./left_programs.ts";

/** Keeps what a task does to its process from whatever is computed next in it. */
export interface AttemptTraces {
  /**
   * Runs code of the task; then puts the process back and ends the programs that it left.
   *
   * @throws {ComputeError} If others have seen what it did, or see it, in a process that goes on
   * nevertheless.
   */
  around<T>(code: () => T | Promise<T>): Promise<T>;
  /** The programs that `ctx.run` starts. */
  readonly programs: AttemptPrograms;
}

/** The programs of one attempt of a process that computes others too. */
export class AttemptPrograms {
  /** Whether the attempt has ended. */
  over = false;
  /** Added to the environment of each. */
  readonly env: Record<string, string>;
  readonly #mark: string | undefined;
  readonly #sessions: { pid: number; ended: boolean }[] = [];
  #any = false;

  /** @param id The attempt's; none in a process that all programs are told by anyway. */
  constructor(id?: string) {
    this.#mark = id;
    this.env = id === undefined ? {} : markEnv(id);
  }

  /** One that is told by its environment alone was started. */
  started(): void {
    this.#any = true;
  }

  /** One that leads a session of its own was started. */
  leads(child: Deno.ChildProcess): void {
    this.#any = true;
    const session = { pid: child.pid, ended: false };
    this.#sessions.push(session);
    void child.status.then(() => session.ended = true);
  }

  /**
   * Ends all that run.
   *
   * @returns Those that were found, and those that cannot be ended.
   */
  async end(clock: Clock): Promise<{ found: LeftProgram[]; left: LeftProgram[] }> {
    this.over = true;
    if (!this.#any || this.#mark === undefined) return { found: [], left: [] };
    const owner: ProgramOwner = { mark: this.#mark, sessions: this.#sessions, spare: [] };
    return await endPrograms(owner, clock);
  }
}

/** Lines for the log of a task about the traces that its code left. */
export function tracesText(changes: readonly SharedChange[], { found, left }: EndedPrograms): string[] {
  const lines: string[] = [];
  if (changes.length > 0) lines.push(`changed ${listed(changes.map(({ name }) => name))}`);
  const survivors = new Set(left.map(({ pid }) => pid));
  const ended = found.filter(({ pid }) => !survivors.has(pid));
  const commands = (programs: readonly LeftProgram[]) =>
    listed(programs.map(({ command }) => `\`${command}\``));
  if (ended.length > 0) lines.push(`left running: ${commands(ended)} (ended now)`);
  if (left.length > 0) lines.push(`left running, and it cannot be ended: ${commands(left)}`);
  return lines;
}

type EndedPrograms = Awaited<ReturnType<AttemptPrograms["end"]>>;

function listed(names: readonly string[]): string {
  return names.length > 5 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ");
}

/** An attempt that is computed in this process, beside others and beside the user's own script. */
interface Active {
  artifact: Artifact;
  /** The attempts whose `create` asked for this one, outermost first. */
  above: readonly Active[];
  /** The state of the process when it began: those above may have changed it. */
  before: ProcessState;
  programs: AttemptPrograms;
  /** Reasons why its result cannot be kept. */
  faults: string[];
  over: boolean;
}

const active: Active[] = [];
const storage = new AsyncLocalStorage<{ one: Active; own: boolean }>();
/** The attempt whose own code runs now. */
const current = (): Active | undefined => {
  const store = storage.getStore();
  return store?.own ? store.one : undefined;
};
let owned: Owned<Active> | undefined;
/** The state of the process apart from its attempts, while there are any. */
let base: ProcessState | undefined;
let builtins: Builtins | undefined;
/** The last state that was looked at: mostly it holds still. */
let latest: ProcessState | undefined;

/** Runs furu's own code that a task asked for: what it sets up may have to outlive the attempt. */
export function asFuru<T>(code: () => T): T {
  const store = storage.getStore();
  return store?.own ? storage.run({ one: store.one, own: false }, code) : code();
}

/** The attempt of an {@link InProcessTraces}. */
export interface InProcessOptions {
  /** The artifact that is computed. */
  artifact: Artifact;
  /** Id of the attempt. */
  id: string;
  /** Told, in whole lines, what was put back. */
  log: (text: string) => void;
  /** Time. */
  clock: Clock;
}

/**
 * The traces of an attempt that is computed in the user's own process (`get`, `isolation: "inline"`), which
 * goes on afterwards: folder, environment and globals are put back, and what others may have seen meanwhile
 * is an error.
 */
export class InProcessTraces implements AttemptTraces {
  readonly programs: AttemptPrograms;
  readonly #options: InProcessOptions;
  readonly #open: Active[] = [];

  /** Changes nothing yet. */
  constructor(options: InProcessOptions) {
    this.#options = options;
    this.programs = new AttemptPrograms(options.id);
  }

  async around<T>(code: () => T | Promise<T>): Promise<T> {
    const { artifact } = this.#options;
    const one = begin(artifact, this.programs);
    this.#open.push(one);
    let value: T;
    try {
      value = await storage.run({ one, own: true }, code);
    } catch (error) {
      await this.#end(one);
      throw error; // its own error says more than what it left
    }
    await this.#end(one);
    if (one.faults.length > 0) {
      // What other tasks did meanwhile may not happen again; its own code does it each time.
      throw new (one.faults.includes(DISTURBED) ? ComputeError : PermanentError)(
        `Cannot keep the value of ${artifact} as its code ${one.faults.join("; and it ")}: other code of ` +
          `this process sees that; do it at the top of a module, or compute the task in a ` +
          `worker`,
      );
    }
    return value;
  }

  /** Ends it although its code goes on. */
  async abandon(): Promise<void> {
    for (const one of this.#open) await this.#end(one, true);
    await this.programs.end(this.#options.clock);
  }

  /**
   * @param goesOn Whether its code goes on. Then it has not left what it set up: it is still at work with it.
   */
  async #end(one: Active, goesOn = false): Promise<void> {
    if (one.over) return;
    const changes = end(one);
    const down = [...new Set(owned!.end(one))];
    if (down.length > 0 && !goesOn) {
      this.#options.log(`furu: ${one.artifact} left behind: ${listed(down)} (ended now)\n`);
    }
    const programs = await this.programs.end(this.#options.clock);
    for (const { command } of programs.left) {
      one.faults.push(`left \`${command}\` running, which cannot be ended`);
    }
    for (const line of tracesText(changes, programs)) {
      this.#options.log(`furu: ${one.artifact} ${line}\n`);
    }
  }
}

function begin(artifact: Artifact, programs: AttemptPrograms): Active {
  const parent = storage.getStore()?.one;
  const above = parent === undefined || parent.over ? [] : [...parent.above, parent];
  intercept();
  const before = latest?.holds() ? latest : latest = new ProcessState();
  if (active.length === 0) {
    base = before;
    if (!builtins?.unchanged()) builtins = new Builtins(false);
  } else if (!base!.holds()) {
    for (const other of active) if (!above.includes(other)) other.faults.push(DISTURBED);
    base!.restore();
  }
  const one: Active = { artifact, above, before, programs, faults: [], over: false };
  active.push(one);
  return one;
}

const DISTURBED = "or that of another task changed folder or environment while both computed in this process";

function end(one: Active): SharedChange[] {
  one.over = true;
  active.splice(active.indexOf(one), 1);
  const beside = active.filter((each) => !one.above.includes(each));
  const changes = builtins!.putBack();
  for (const { name, kind, restored } of changes) {
    if (kind === "builtin" || !restored) one.faults.push(`changed ${name}`);
  }
  if (beside.length > 0 && !base!.holds()) {
    for (const each of [one, ...beside]) each.faults.push(DISTURBED);
  }
  for (const what of (beside.length > 0 ? base! : one.before).restore()) one.faults.push(`changed ${what}`);
  if (active.length === 0) base = undefined;
  return changes;
}

/**
 * Tells by whom folder and environment are changed and programs are started: by an attempt, or by the user's
 * own script, which may go on meanwhile and is left alone. Stays for as long as the process.
 */
function intercept(): void {
  if (!intercepted) wrapAll();
  if (!node && isNodeLoaded()) {
    node = true;
    watchNodeProcess(owned!, started);
  }
}

function wrapAll(): void {
  intercepted = true;
  owned = watchOwned(current);
  wrap(Deno, "chdir", "the folder", "`cwd`");
  wrap(Deno.env, "set", "the environment", "`env`");
  wrap(Deno.env, "delete", "the environment", "`env`");
  watchCommands(started);
}

/** Notes that a program is started; gives what marks it as one of the attempt that runs now. */
function started(): Record<string, string> | undefined {
  const one = current();
  one?.programs.started();
  return one?.programs.env;
}

let intercepted = false;
let node = false;

function wrap<T extends object>(object: T, name: keyof T & string, what: string, instead: string): void {
  const original = object[name] as (...args: unknown[]) => unknown;
  const replacement = {
    [name](this: unknown, ...args: unknown[]): unknown {
      const one = current();
      if (one === undefined) {
        const apart = base?.holds();
        const result = original.apply(this, args);
        if (apart) base = new ProcessState(); // the script's own change: it stays
        return result;
      }
      const beside = active.find((each) =>
        each !== one && !one.above.includes(each) && !each.above.includes(one)
      );
      if (one.over || beside !== undefined) {
        throw new ComputeError(
          `Cannot change ${what} of this process in ${one.artifact}: ` +
            (one.over ? "its attempt has ended" : `${beside!.artifact} is computed in it at the same time`) +
            `; give ${instead} to ctx.run, or compute it in a worker`,
        );
      }
      return original.apply(this, args);
    },
  }[name];
  try {
    object[name] = replacement as T[typeof name];
  } catch {
    // A Deno that does not let itself be changed: what is changed is still found, only not by whom.
  }
}
