import type { Clock } from "../../core/system/clock.ts";

/**
 * Programs that a task started and did not wait for. What they do after their attempt would be nobody's: they
 * end with it. Some leave the process group (`setsid`, daemons), so each is told by its environment as well,
 * which whatever it starts inherits.
 */

/**
 * Names, in the environment of a program, the attempts and workers that it belongs to, the innermost last.
 */
export const PROGRAMS_MARK = "FURU_PROGRAMS_OF";

/**
 * The environment for programs of somebody.
 *
 * @param id What only they have.
 */
export function markEnv(id: string): Record<string, string> {
  const above = mayRead({ name: "env", variable: PROGRAMS_MARK }) ? Deno.env.get(PROGRAMS_MARK) : undefined;
  return { [PROGRAMS_MARK]: above ? `${above},${id}` : id };
}

/** Whether this process has the permission already; the user is never asked for it. */
export function mayRead(permission: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(permission).state === "granted";
}

/** Whose programs are looked for. */
export interface ProgramOwner {
  /** The id that {@link markEnv} was given. */
  mark: string;
  /**
   * Sessions that hold nothing else, by their leader. Is it `ended`, its number may be somebody else's by
   * now.
   */
  sessions: readonly { pid: number; ended: boolean }[];
  /** Processes that are to stay. */
  spare: readonly number[];
}

/** A program that runs. */
export interface LeftProgram {
  /** Its process id. */
  pid: number;
  /** Its command, shortened; only its name while it becomes another program. */
  command: string;
}

const ASK_MS = 200;
const KILL_MS = 2000;
const POLL_MS = 5;
/** So often nobody has to be found where some could not be looked at: they began or ended at that moment. */
const QUIET_LOOKS = 3;

/**
 * Ends all programs of an owner: asks, and kills after a moment.
 *
 * @returns Those that were found, and those that run nevertheless.
 */
export async function endPrograms(
  owner: ProgramOwner,
  clock: Clock,
): Promise<{ found: LeftProgram[]; left: LeftProgram[] }> {
  const found = new Map<number, LeftProgram>();
  const began = clock.monotonic();
  const older = new OlderProcesses();
  for (let quiet = 0;;) {
    const { programs: left, unsure } = look(owner, older);
    const waited = clock.monotonic() - began;
    quiet = left.length > 0 ? 0 : unsure ? quiet + 1 : QUIET_LOOKS;
    if (quiet >= QUIET_LOOKS || waited > KILL_MS) return { found: [...found.values()], left };
    for (const program of left) {
      if (waited > ASK_MS) send(program.pid, "SIGKILL");
      else if (!found.has(program.pid)) send(program.pid, "SIGTERM");
      // What it was when it was seen first: one that ends has lost its words.
      if (!found.has(program.pid)) found.set(program.pid, program);
    }
    await clock.sleep(POLL_MS);
  }
}

/** Kills all programs of an owner, at once. */
export function killPrograms(owner: ProgramOwner): void {
  const older = new OlderProcesses();
  // What forks while it is looked for is found the next time.
  for (let quiet = 0, round = 0; quiet < QUIET_LOOKS && round < 10; round++) {
    const { programs, unsure } = look(owner, older);
    quiet = programs.length > 0 ? 0 : unsure ? quiet + 1 : QUIET_LOOKS;
    for (const { pid } of programs) send(pid, "SIGKILL");
  }
}

interface Seen {
  pid: number;
  command: string;
  session: number;
  marked: boolean;
}

/** A task may have replaced it. */
const now = performance.now.bind(performance);

/** So soon no number of a process is another one's. */
const OLDER_KNOWN_MS = 100;

/** The processes that began before this one, which need not be looked at again by the next look. */
class OlderProcesses {
  readonly #pids = new Set<number>();
  #since = -Infinity;

  has(pid: number): boolean {
    return this.#pids.has(pid);
  }

  add(pid: number): void {
    this.#pids.add(pid);
  }

  /** Forgets them where their numbers may be others' by now. */
  beginLook(): void {
    const at = now();
    if (at - this.#since < OLDER_KNOWN_MS) return;
    this.#since = at;
    this.#pids.clear();
  }
}

/** The programs of an owner that run now; none where the system does not tell (no `/proc`). */
function look(
  { mark, sessions, spare }: ProgramOwner,
  older: OlderProcesses,
): { programs: LeftProgram[]; unsure: boolean } {
  if (!mayRead({ name: "read" }) || !mayRead({ name: "sys" }) || !mayRead({ name: "env" })) {
    return {
      programs: sessions.filter(({ ended }) => !ended).map(({ pid }) => ({ pid, command: "a program" })),
      unsure: false,
    };
  }
  const user = Deno.uid();
  const job = Deno.env.get("SLURM_JOB_ID");
  const begun = ownStart();
  const all: Seen[] = [];
  let unsure = false;
  older.beginLook();
  for (const pid of processes()) {
    if (pid === Deno.pid || spare.includes(pid) || older.has(pid)) continue;
    try {
      const { name, fields } = statOf(pid);
      const [state, parent, , session] = fields;
      if (startOf(fields) < begun) {
        older.add(pid);
        continue;
      }
      if (state === "Z" || state === "X") {
        unsure = true; // what it started just before may not have been listed yet
        continue;
      }
      if (Deno.statSync(`/proc/${pid}`).uid !== user) continue;
      // Read before and after its environment: it has none while it becomes another program, nor at its end.
      const before = commandOf(pid);
      const environment = Deno.readTextFileSync(`/proc/${pid}/environ`);
      // Empty while it becomes another program; always so for a thread of the kernel and for `env -i`.
      if (environment === "" && parent !== "2" && parent !== "0") unsure = true;
      const marked = isMarked(environment, mark, job);
      all.push({ pid, session: Number(session), marked, command: before || commandOf(pid) || name });
    } catch {
      unsure = true; // It ended meanwhile, and what it started may not have been listed yet.
    }
  }
  const own = sessions.filter(({ pid, ended }) => !ended || !all.some((each) => each.pid === pid));
  const programs = all
    .filter(({ session, marked }) => marked || own.some(({ pid }) => pid === session))
    .map(({ pid, command }) => ({ pid, command }));
  return { programs, unsure };
}

/** What `/proc` says of a process: its name, which may hold spaces, and what follows it. */
function statOf(pid: number | "self"): { name: string; fields: string[] } {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const nameEnd = stat.lastIndexOf(")");
  return { name: stat.slice(stat.indexOf("(") + 1, nameEnd), fields: stat.slice(nameEnd + 2).split(" ") };
}

/** When a process began, in ticks since the system did. */
function startOf(fields: readonly string[]): number {
  return Number(fields[19]);
}

let ownStartTicks: number | undefined;

/** When this process began: all that it looks for began later, and most processes of a machine earlier. */
function ownStart(): number {
  try {
    return ownStartTicks ??= startOf(statOf("self").fields);
  } catch {
    return 0; // nor will anything else be found there
  }
}

function processes(): number[] {
  try {
    return Array.from(Deno.readDirSync("/proc"), ({ name }) => Number(name)).filter((pid) => pid > 0);
  } catch {
    return [];
  }
}

function isMarked(text: string, mark: string, job: string | undefined): boolean {
  if (mark === "" || !text.includes(mark)) return false;
  const variables = text.split("\0");
  const own = variables.find((each) => each.startsWith(`${PROGRAMS_MARK}=`));
  if (!own?.slice(PROGRAMS_MARK.length + 1).split(",").includes(mark)) return false;
  // A Slurm job that the task submitted inherits its environment, and is to go on.
  const jobOf = variables.find((each) => each.startsWith("SLURM_JOB_ID="))?.slice("SLURM_JOB_ID=".length);
  return jobOf === undefined || jobOf === job;
}

/** The words that a process was started with; empty where it has none at this moment. */
function commandOf(pid: number): string {
  try {
    const text = Deno.readTextFileSync(`/proc/${pid}/cmdline`).replace(/\0+$/, "").replaceAll("\0", " ");
    return text.length > 80 ? `${text.slice(0, 80)}...` : text;
  } catch {
    return "";
  }
}

function send(pid: number, signal: Deno.Signal): void {
  try {
    Deno.kill(pid, signal);
  } catch {
    // It ended meanwhile.
  }
}

/**
 * Sends a signal to a process and all that it started, where it leads a process group of its own.
 *
 * @param pid Process id of the group's leader, which may have ended already.
 * @returns Whether there was anybody to receive it.
 */
export function signalGroup(pid: number, signal: Deno.Signal): boolean {
  try {
    Deno.kill(-pid, signal);
    return true;
  } catch {
    return false; // nobody left (ESRCH), or only what has changed its user (EPERM)
  }
}
