import type { Clock } from "../core/system/clock.ts";
import type { ExitStatus } from "../run/output/program_error.ts";
import { killPrograms, markEnv } from "../run/traces/left_programs.ts";
import { countOomKills, exitEvidence } from "./evidence.ts";
import { signalGroup } from "./protocol/group.ts";
import type { WorkerOutput } from "./output.ts";
import { WATCHED_EXEC } from "./watched_exec.ts";

/** How to start a computing process. */
export interface SpawnOptions {
  /** Program and arguments. */
  command: readonly string[];
  /** Working directory. @default this process's own */
  cwd?: string | undefined;
  /** Environment variables added to this process's own. */
  env?: Record<string, string> | undefined;
  /** A folder to remove when this process dies without doing it. */
  folder: string;
  /** Where its output goes. */
  output: WorkerOutput;
  /** Time. */
  clock: Clock;
}

/** How a computing process ended. */
export interface Exit {
  /** As the system says it. */
  status: ExitStatus;
  /** The same for people, with what else is known of why. */
  evidence: string;
}

/** How long the output of a dead process is waited for: one that it started may hold the pipe open for ever. */
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
    const oomKillsBefore = countOomKills();
    const reading = output.read(child.stdout);
    const status = await child.status;
    // At once, while the group's number cannot have been given away: it is kept by whoever is left in it.
    signalGroup(this.pid, "SIGKILL");
    killPrograms({ mark: this.#mark, sessions: [], spare: [] }); // those that have left the group
    this.hasEnded = true;
    await child.stdin.close().catch(() => {}); // nobody holds its other end any more
    const timer = new AbortController();
    await Promise.race([reading, clock.sleep(DEAD_OUTPUT_MS, timer.signal).catch(() => {})]);
    timer.abort();
    await output.stop();
    await reading;
    const oomKills = oomKillsBefore === undefined ? undefined : (countOomKills() ?? 0) - oomKillsBefore;
    return { status, evidence: exitEvidence(status, oomKills, output.tail()) };
  }
}
