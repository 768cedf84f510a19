import { loadNodeWithin } from "../../core/hash.ts";
import { systemClock } from "../../core/system/clock.ts";
import { Builtins } from "../../run/traces/builtins.ts";
import { watchDefinitions } from "../../run/traces/definitions.ts";
import { endPrograms, PROGRAMS_MARK } from "../../run/traces/left_programs.ts";
import { hadWorkers, isNodeLoaded, watchCommands } from "../../run/traces/owned.ts";
import { LAST_PID_PAGE, STAT_PAGE, STATUS_PAGE } from "../../run/traces/proc_page.ts";
import { ProcessState } from "../../run/traces/process_state.ts";
import { AttemptPrograms, type AttemptTraces, tracesText } from "../../run/traces/traces.ts";

/** The part of Deno that tells what it keeps open, where there is one. */
interface DenoCore {
  resources?: () => Record<string, string>;
}

/** Open things that go on by themselves; a file or a connection only waits to be used. */
const ACTIVE_RESOURCE = /listener|http|udp|signal|fsEvents|watch|broadcast|child|datagram|serve/i;

/** The same of node's modules. */
const ACTIVE_OF_NODE = /Server|Timeout|Immediate|FSEvent|StatWatcher|Process|UDP|Signal/;

const HANDLERS = ["onerror", "onload", "onunload", "onbeforeunload", "onunhandledrejection"] as const;

interface NodeProcess {
  getActiveResourcesInfo?: () => string[];
  eventNames?: () => PropertyKey[];
  listenerCount?: (name: PropertyKey) => number;
}

/**
 * What takes as long as a tiny task is not looked for after each of a long series, but no more seldom than
 * this, where there is another way to know that nothing has changed, or to make up for it later.
 */
const CLOSELY_EVERY_MS = 10;

/**
 * Keeps what a task does to a worker from the next: puts back what it changed, and says when the process
 * cannot be given another one.
 */
export class WorkerTraces implements AttemptTraces {
  readonly #log: (text: string) => void;
  programs = new AttemptPrograms();
  #state = new ProcessState();
  #builtins: Builtins | undefined;
  #seen = programsSeen();
  #spare: number[] = [];
  #active = activeThings();
  readonly #newPrograms = new Newcomers();
  #spoilt = false;
  /** Whether the log says so already. */
  #said = false;
  /** When all of the environment was looked at last when code of a task had run. */
  #lookedAt = -Infinity;
  /** Whether no code of a task has run since all of it was looked at. */
  #looked = true;
  /** Whether to look at it each time, as a task changed it in a way that nothing notes. */
  #always = false;

  /** @param log Told, in whole lines, what an attempt left. */
  constructor(log: (text: string) => void) {
    this.#log = log;
    watchCommands(() => {
      anyProgram = true;
      return undefined;
    });
    for (const page of [STATUS_PAGE, STAT_PAGE, LAST_PID_PAGE]) page.keepOpen();
    watchDefinitions();
    loadNodeWithin((load) => this.#loadOwn(load));
    this.#spare = this.#seen.children;
  }

  /** What furu itself loads while a task runs is not the task's doing. */
  #loadOwn(load: () => void): void {
    const before = activeThings();
    load();
    for (const [what, count] of activeThings()) {
      const more = count - (before.get(what) ?? 0);
      if (more > 0) this.#active.set(what, (this.#active.get(what) ?? 0) + more);
    }
  }

  /** Whether the process must not be given another task. */
  get spoilt(): boolean {
    return this.#spoilt;
  }

  /** Before code is imported: whatever an earlier task's code did after its end is undone. */
  begin(): void {
    this.programs = new AttemptPrograms();
    if (this.#lookAgain()) return;
    this.#spoilt = true;
    this.#state.restore();
    this.#log("furu: an earlier task of this process went on after its end; the process is replaced\n");
  }

  /** Takes the present state of the process, after modules were imported, for the one to put back. */
  loaded(): void {
    this.#state = new ProcessState();
    this.#builtins = new Builtins(true);
    const now = programsSeen();
    this.#spare = now.children;
    this.#seen = now;
    this.#active = activeThings();
  }

  async around<T>(code: () => T | Promise<T>): Promise<T> {
    if (this.#builtins === undefined) this.loaded();
    if (!this.#looked) this.#lookAgain();
    try {
      return await code();
    } finally {
      await this.#putBack();
    }
  }

  /**
   * Looks closely before code runs. Where the environment alone has changed, it was not looked at when the
   * task ended that did it (mostly by `process.loadEnvFile`), and is put back.
   *
   * @returns Whether all is as it was now.
   */
  #lookAgain(): boolean {
    const looked = this.#looked;
    this.#looked = true;
    if (this.#state.holds()) return true;
    if (looked || !this.#state.holds(false)) return false;
    this.#always = true;
    this.#state.restore();
    return true;
  }

  async #putBack(): Promise<void> {
    this.programs.over = true;
    const changes = this.#builtins!.putBack();
    const at = now();
    this.#looked = this.#always || at - this.#lookedAt >= CLOSELY_EVERY_MS;
    if (this.#looked) this.#lookedAt = at;
    const lost = this.#state.holds(this.#looked) ? [] : this.#state.restore();
    let programs: Awaited<ReturnType<typeof endPrograms>> = { found: [], left: [] };
    if (this.#mayHavePrograms()) {
      programs = await endPrograms(this.#owner(), systemClock);
      this.#seen = programsSeen();
    }
    const lines = tracesText(changes, programs);
    for (const what of lost) lines.push(`changed ${what}`);
    if (changes.length + lost.length + programs.left.length > 0) this.#spoilt = true;
    this.#tell(lines);
  }

  /**
   * At the end of an attempt: looks for what goes on by itself.
   *
   * @param waiting What is known already.
   */
  end(waiting: readonly string[]): void {
    const now = activeThings();
    const left = [...waiting];
    for (const [what, count] of now) {
      const before = this.#active.get(what) ?? 0;
      if (count > before && !(waiting.length > 0 && /Timeout|signal/i.test(what))) left.push(what);
    }
    if (left.length === 0) return;
    this.#spoilt = true;
    this.#tell([`left behind: ${[...new Set(left)].join(", ")}`]);
  }

  /** Node's modules start some past {@link Deno.Command}: where they are loaded the system is asked. */
  #mayHavePrograms(): boolean {
    const any = anyProgram;
    anyProgram = false;
    if (any || !isNodeLoaded() || !this.#newPrograms.possible()) return any;
    const seen = programsSeen();
    return seen.faults !== this.#seen.faults || seen.children.some((pid) => !this.#spare.includes(pid));
  }

  #tell(lines: readonly string[]): void {
    for (const line of lines) this.#log(`furu: the task ${line}\n`);
    if (lines.length > 0 && this.#spoilt && !this.#said) {
      this.#said = true;
      this.#log("furu: no other task may see that: its process is replaced\n");
    }
  }

  #owner(): Parameters<typeof endPrograms>[0] {
    const mark = Deno.env.get(PROGRAMS_MARK)?.split(",").at(-1) ?? "";
    return { mark, sessions: [{ pid: Deno.pid, ended: false }], spare: this.#spare };
  }
}

/**
 * Whether programs were started, without looking at all of the machine: waiting for one adds its page faults.
 */
function programsSeen(): { faults: string; children: number[] } {
  try {
    const stat = STAT_PAGE.text() ?? "";
    const [, , , , , , , , minor, , major] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const children = Deno.readTextFileSync(`/proc/self/task/${Deno.pid}/children`);
    return { faults: `${minor} ${major}`, children: children.split(" ").filter(Boolean).map(Number) };
  } catch {
    return { faults: "", children: [] };
  }
}

/** A task may have replaced it. */
const now = performance.now.bind(performance);

/** Tells whether a process or a thread can have begun, by anybody on the whole machine. */
class Newcomers {
  #last: string | undefined;
  #askedAt = -Infinity;

  /** Whether one can have begun since this was asked last. */
  possible(): boolean {
    const last = LAST_PID_PAGE.text();
    const at = now();
    // The numbers come round again, but not so soon.
    if (last !== undefined && last === this.#last && at - this.#askedAt < CLOSELY_EVERY_MS) return false;
    this.#last = last;
    this.#askedAt = at;
    return true;
  }
}

/** Whether a program was started: asking the system after each task takes longer than a small one. */
let anyProgram = false;

/** Counts the things that go on by themselves. */
function activeThings(): Map<string, number> {
  const things = new Map<string, number>();
  const add = (what: string): void => void things.set(what, (things.get(what) ?? 0) + 1);
  const { [Symbol.for("Deno.internal")]: found, internal } = Deno as unknown as Record<PropertyKey, unknown>;
  const inside = (found ?? (Deno as unknown as Record<PropertyKey, unknown>)[internal as symbol]) as
    | { core?: DenoCore }
    | undefined;
  const resources = inside?.core?.resources?.() ?? {};
  for (const id in resources) if (ACTIVE_RESOURCE.test(resources[id]!)) add(`an open ${resources[id]}`);
  for (const name of HANDLERS) {
    if ((globalThis as unknown as Record<string, unknown>)[name]) add(`a handler in ${name}`);
  }
  if (isNodeLoaded()) {
    const node = (globalThis as unknown as { process: NodeProcess }).process;
    for (const what of node.getActiveResourcesInfo?.() ?? []) if (ACTIVE_OF_NODE.test(what)) add(`a ${what}`);
    for (const name of node.eventNames?.() ?? []) {
      for (let i = node.listenerCount?.(name) ?? 0; i > 0; i--) {
        add(`a listener of process for ${String(name)}`);
      }
    }
  }
  for (const name of threads()) add(`a Web Worker (${name})`);
  return things;
}

const newThreads = new Newcomers();
let workerThreads: readonly string[] = [];

/** The Web Workers and those of `node:worker_threads` that run, or did when they were looked for last. */
function threads(): readonly string[] {
  if (!hadWorkers() && !isNodeLoaded()) return [];
  if (newThreads.possible()) workerThreads = threadsSeen().filter((name) => /^worker-\d/.test(name));
  return workerThreads;
}

/** So soon no number of a thread is another one's. */
const THREAD_KNOWN_MS = 100;
let threadNames = new Map<string, string>();
let namedAt = -Infinity;

/** The names of all threads. */
function threadsSeen(): string[] {
  const before = now() - namedAt < THREAD_KNOWN_MS ? threadNames : new Map<string, string>();
  threadNames = new Map();
  namedAt = now();
  for (const id of threadIds()) {
    try {
      threadNames.set(id, before.get(id) ?? Deno.readTextFileSync(`/proc/self/task/${id}/comm`).trim());
    } catch {
      // It ended meanwhile.
    }
  }
  const names = [...threadNames.values()];
  // A thread has its maker's name until it gives itself one.
  const unnamed = threadNames.get(`${Deno.pid}`);
  for (const [id, name] of threadNames) if (name === unnamed) threadNames.delete(id);
  return names;
}

function threadIds(): string[] {
  try {
    return Array.from(Deno.readDirSync("/proc/self/task"), ({ name }) => name);
  } catch {
    return []; // another system
  }
}
