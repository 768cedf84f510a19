import { systemClock } from "../../core/system/clock.ts";
import { Builtins } from "../../run/traces/builtins.ts";
import { endPrograms, PROGRAMS_MARK } from "../../run/traces/left_programs.ts";
import { hadWorkers, isNodeLoaded, watchCommands } from "../../run/traces/owned.ts";
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
  #spoilt = false;
  /** Whether the log says so already. */
  #said = false;

  /** @param log Told, in whole lines, what an attempt left. */
  constructor(log: (text: string) => void) {
    this.#log = log;
    watchCommands(() => {
      anyProgram = true;
      return undefined;
    });
    this.#spare = this.#seen.children;
  }

  /** Whether the process must not be given another task. */
  get spoilt(): boolean {
    return this.#spoilt;
  }

  /** Before code is imported: whatever an earlier task's code did after its end is undone. */
  begin(): void {
    this.programs = new AttemptPrograms();
    if (this.#state.holds()) return;
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
    try {
      return await code();
    } finally {
      await this.#putBack();
    }
  }

  async #putBack(): Promise<void> {
    this.programs.over = true;
    const changes = this.#builtins!.putBack();
    const lost = this.#state.holds() ? [] : this.#state.restore();
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
    if (any || !isNodeLoaded()) return any;
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
    const stat = Deno.readTextFileSync("/proc/self/stat");
    const [, , , , , , , , minor, , major] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const children = Deno.readTextFileSync(`/proc/self/task/${Deno.pid}/children`);
    return { faults: `${minor} ${major}`, children: children.split(" ").filter(Boolean).map(Number) };
  } catch {
    return { faults: "", children: [] };
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

function threads(): string[] {
  if (!hadWorkers() && !isNodeLoaded()) return [];
  try {
    const names: string[] = [];
    for (const { name } of Deno.readDirSync("/proc/self/task")) {
      const command = Deno.readTextFileSync(`/proc/self/task/${name}/comm`).trim();
      if (/^worker-\d/.test(command)) names.push(command);
    }
    return names;
  } catch {
    return [];
  }
}
