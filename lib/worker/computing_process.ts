import type { Shortage } from "../core/attempt_end.ts";
import type { Clock } from "../core/system/clock.ts";
import type { ExitStatus } from "../run/output/program_error.ts";
import { killPrograms, markEnv, signalGroup } from "../run/traces/left_programs.ts";
import type { WorkerOutput } from "./output.ts";
import { withTimeout } from "./timeout.ts";

/** Options of `ComputingProcess.spawn`. */
export interface SpawnOptions {
  /** Program and arguments. */
  command: readonly string[];
  /**
   * Working directory.
   *
   * @default {this process's own}
   */
  cwd?: string | undefined;
  /** Environment variables added to this process's own. */
  env?: Record<string, string> | undefined;
  /** A folder to remove when this process dies without doing it. */
  folder: string;
  /** Takes its output. */
  output: WorkerOutput;
  /** Time. */
  clock: Clock;
}

/** The end of a computing process. */
export interface Exit {
  /** As the system says it. */
  status: ExitStatus;
  /** The same for people, with what else is known of why. */
  evidence: string;
  /** What it had too little of, where that is known. */
  lack?: Shortage | undefined;
}

/** The longest wait for output of a dead process: one that it started may hold the pipe open for ever. */
const DEAD_OUTPUT_MS = 500;

/** A process in a group of its own, with both its outputs in one pipe. */
export class ComputingProcess {
  /** Its process id, and that of its group. */
  readonly pid: number;
  /** Resolves when it has ended, all that it started was killed and its output was read. */
  readonly exited: Promise<Exit>;
  /** Set when it has ended. */
  hasEnded = false;

  readonly #mark: string;
  #oomKills: number | undefined;

  private constructor(child: Deno.ChildProcess, { output, clock }: SpawnOptions, mark: string) {
    this.pid = child.pid;
    this.#mark = mark;
    this.exited = this.#watch(child, output, clock);
  }

  /** Starts it. What cannot be started ends with exit code 126 or 127 and says why in its output. */
  static spawn(options: SpawnOptions): ComputingProcess {
    const mark = crypto.randomUUID();
    const child = new Deno.Command("/bin/sh", {
      args: ["-c", WATCHED_EXEC, options.folder, ...options.command],
      stdin: "piped", // nothing is ever written: it ends with this process
      stdout: "piped",
      stderr: "null",
      detached: true,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...options.env, ...markEnv(mark) },
    }).spawn();
    return new ComputingProcess(child, options, mark);
  }

  /** Signals it and all that it started. */
  signal(signal: Deno.Signal): void {
    // Once the leader has been reaped its number may belong to somebody else.
    if (!this.hasEnded) signalGroup(this.pid, signal);
  }

  async #watch(child: Deno.ChildProcess, output: WorkerOutput, clock: Clock): Promise<Exit> {
    this.#oomKills = countOomKills();
    const reading = output.read(child.stdout);
    const status = await child.status;
    // At once, while the group's number cannot have been given away: those that are left in it keep it.
    signalGroup(this.pid, "SIGKILL");
    killPrograms({ mark: this.#mark, sessions: [], spare: [] }); // those that have left the group
    this.hasEnded = true;
    await child.stdin.close().catch(() => {}); // nobody holds its other end any more
    await withTimeout(reading, DEAD_OUTPUT_MS, clock);
    await output.stop();
    await reading;
    const oomKills = this.newOomKills();
    const said = output.tail();
    return { status, evidence: exitEvidence(status, oomKills, said), lack: exitLack(status, oomKills, said) };
  }

  /**
   * How many processes of this memory cgroup the kernel has killed since this was asked before, or since the
   * process was started: programs that it ran, too, and those of its neighbours.
   */
  newOomKills(): number {
    const before = this.#oomKills;
    this.#oomKills = countOomKills();
    return before === undefined ? 0 : (this.#oomKills ?? 0) - before;
  }
}

/**
 * What is known of why a process ended.
 *
 * @param status How it ended.
 * @param oomKills How many processes the kernel killed for want of memory, as far as that is known.
 * @param said The last lines that it printed.
 */
export function exitEvidence(
  status: ExitStatus,
  oomKills: number,
  said: readonly string[] = [],
): string {
  if (status.code === 133) {
    // What V8 says when it reached the limit of its heap, and when the system gave it nothing.
    const refused = said.find((line) => line.includes("Fatal process out of memory"))?.replace(/^[# ]*/, "");
    return refused === undefined
      ? HEAP_IS_FULL
      : `exit 133: V8 was given no memory (${refused})${limitText()}`;
  }
  const how = status.signal === null ? `exit code ${status.code}` : `killed by ${status.signal}`;
  return oomKills > 0 ? `${how}; ${oomKillsText(oomKills)}` : how;
}

/** Words on processes that the kernel killed for want of memory. */
export function oomKillsText(count: number): string {
  return `the memory cgroup counts ${count} oom_kill`;
}

/** Whether a process ended as it had too little memory; takes what {@link exitEvidence} takes. */
export function exitLack(
  status: ExitStatus,
  oomKills: number,
  said: readonly string[] = [],
): Shortage | undefined {
  const isFull = status.code === 133 || oomKills > 0 ||
    status.signal === "SIGABRT" && said.some((line) => /^memory allocation of \d+ bytes failed/.test(line));
  return isFull ? "memory" : undefined;
}

const HEAP_IS_FULL =
  "exit 133: V8 ran out of heap; raise maxHeapMb (in furu.json, FURU_MAX_HEAP_MB or --max-heap), or the " +
  "memGb of a Slurm spec";

/** Words about the limit of virtual memory (RLIMIT_AS) of this process and those that it starts. */
function limitText(): string {
  const bytes = readOrNothing("/proc/self/limits")?.match(/^Max address space +(\d+)/m)?.[1];
  if (bytes === undefined) return "; is virtual memory limited (ulimit -v)?";
  const limit = `${Math.round(Number(bytes) / 2 ** 20)} MB (ulimit -v)`;
  return `; virtual memory is limited to ${limit}, of which V8 reserves much more than it uses: ` +
    "'ulimit -v unlimited' removes the limit, and maxHeapMb limits what is used";
}

/**
 * The number of processes of this memory cgroup that the kernel has killed so far; `undefined` where unknown.
 */
export function countOomKills(): number | undefined {
  for (const path of counterPaths()) {
    const count = readOrNothing(path)?.match(/^oom_kill (\d+)$/m)?.[1];
    if (count !== undefined) return Number(count);
  }
  return undefined;
}

/** Possible paths of the counter, by cgroup version; in a container the own path may not be mounted. */
function counterPaths(): string[] {
  const groups = (readOrNothing("/proc/self/cgroup") ?? "").split("\n").map((line) => line.split(":"));
  const v1 = groups.find(([, controllers]) => controllers?.split(",").includes("memory"))?.[2];
  const v2 = groups.find(([number, controllers]) => number === "0" && controllers === "")?.[2];
  return [
    ...(v1 === undefined ? [] : [`/sys/fs/cgroup/memory${v1}/memory.oom_control`]),
    "/sys/fs/cgroup/memory/memory.oom_control",
    ...(v2 === undefined ? [] : [`/sys/fs/cgroup${v2}/memory.events`]),
    "/sys/fs/cgroup/memory.events",
  ];
}

function readOrNothing(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined; // evidence is welcome, never required
  }
}

/**
 * Shell text that becomes the program in `"$@"`, with both outputs in one pipe, so that their order holds and
 * one mark ends both. Beside it, in the same process group, waits a watcher that kills the group when stdin
 * ends, which it does when the supervisor dies: so nothing outlives it, even in the middle of a computation
 * that never lets an event loop turn. The program itself sees an empty stdin, and exec keeps the process id.
 * `$0` is the folder of the supervisor's socket, removed then, since its owner cannot.
 *
 * A shell for this costs a millisecond; a thread of the computing process, 20 and an engine of its own.
 */
export const WATCHED_EXEC: string = `
exec 3<&0 </dev/null
trap '' HUP INT QUIT TERM USR1 USR2
{
  while read -r line; do :; done
  rm -rf -- "$0"
  kill -KILL 0
} <&3 3<&- >/dev/null 2>&1 &
trap - HUP INT QUIT TERM USR1 USR2
exec "$@" 3<&- 2>&1
`.trim();
