import type { ResourceUse } from "../../core/attempt_end.ts";
import type { Config } from "../../core/config.ts";
import { environmentVariables } from "../../core/environment.ts";
import { oneFile } from "../../core/packed.ts";
import { pipelineFolder } from "../../core/paths.ts";
import type { Owner } from "../../core/system/machine.ts";
import { measureUse } from "../../core/system/resource_use.ts";
import { FURU_VERSION } from "../../core/version.ts";
import { maskedWords } from "../../core/settings/notify_setting.ts";
import type { SlurmJob } from "../record.ts";
import { type TaskCode, taskCode } from "./task_code.ts";

/** What git tells of the code that runs. */
export interface GitState {
  /** The commit that is checked out. */
  commit: string;
  /** Whether there are changes since; left out where git did not say it in time. */
  dirty?: boolean;
}

/** Which code computes, where a run keeps it. */
export interface CodeVersion {
  /** The digest of the user's local modules and of what decides how they are resolved. */
  digest: string;
  /** The snapshot of them, below `snapshots/` of the store. */
  id: string;
}

/** Longest time that git may take: a huge work tree on a slow server must not hold up results. */
const GIT_TIMEOUT_MS = 5000;
/** How long a pipe of a git that has ended may be silent: what it started can hold it open for ever. */
const GIT_SILENCE_MS = 250;

/**
 * Says where records come from (ARCHITECTURE, "The store"): versions, host, user, command, git, resources.
 */
export class Provenance {
  readonly #how: Config["recordGit"];
  readonly #fixed: Record<string, unknown>;
  readonly #entry: string | undefined;
  #git: Promise<GitState | undefined> | undefined;
  readonly #kept: CodeVersion | undefined;
  readonly #codes = new Map<string, TaskCode | undefined>();

  /**
   * @param known `git`: what that said already in another process of the same run; `slurm`: the job; `code`:
   * what computes; `entry`: URL of the pipeline's module, where it is not the main module.
   */
  constructor(
    how: Config["recordGit"],
    self: Owner,
    { git: known, slurm, code, entry }: {
      git?: GitState | null | undefined;
      slurm?: SlurmJob | undefined;
      code?: CodeVersion | undefined;
      entry?: string | undefined;
    } = {},
  ) {
    // Code that a run keeps stays what it was when git was asked.
    this.#how = how === "uncached" && code !== undefined && known !== undefined ? "cached" : how;
    this.#entry = entry;
    this.#kept = code;
    if (known !== undefined && this.#how === "cached") this.#git = Promise.resolve(known ?? undefined);
    this.#fixed = {
      furu: FURU_VERSION,
      deno: Deno.version.deno,
      typescript: Deno.version.typescript,
      os: `${Deno.build.os} ${osRelease()}`.trim(),
      arch: Deno.build.arch,
      host: self.host,
      ...(self.user === undefined ? {} : { user: self.user }),
      pid: Deno.pid,
      command: commandLine(),
      ...(slurm === undefined ? {} : { slurm }),
    };
  }

  /**
   * The commit and state of the git tree that the pipeline is in; `undefined` without one. Asked once, unless
   * `uncached`.
   */
  async git(): Promise<GitState | undefined> {
    if (this.#how === "ignore") return undefined;
    if (this.#how === "uncached") return await askGit(pipelineFolder(this.#entry));
    return await (this.#git ??= askGit(pipelineFolder(this.#entry)));
  }

  /** Begins to measure an attempt; what it gives tells what was taken since. */
  measure(): () => ResourceUse {
    return measureUse();
  }

  /**
   * Reads the code of a task, when an attempt begins: a process keeps what it has loaded, so that it is read
   * once, and files that have changed since the process began are not what it has loaded.
   *
   * @param module URL of the module that defines the task.
   */
  noteCode(module: string): void {
    if (!this.#codes.has(module)) this.#codes.set(module, taskCode(module, performance.timeOrigin));
  }

  #code(module: string | undefined): Record<string, string> | undefined {
    if (module !== undefined) this.noteCode(module);
    const kept = this.#kept && { digest: this.#kept.digest, snapshot: this.#kept.id };
    const own = module === undefined ? undefined : this.#codes.get(module);
    if (module === undefined || own === undefined) return kept;
    const { digest, lock } = own;
    return { ...kept, module, moduleDigest: digest, ...(lock === undefined ? {} : { lockDigest: lock }) };
  }

  /**
   * For a record that is about to be written.
   *
   * @param used What its attempt took.
   * @param module URL of the module that defines the task.
   */
  async collect(used: ResourceUse, module?: string): Promise<Record<string, unknown>> {
    const git = await this.git();
    const code = this.#code(module);
    return {
      ...this.#fixed,
      ...(code === undefined ? {} : { code }),
      ...(git === undefined ? {} : { git }),
      ...used,
    };
  }
}

async function askGit(folder: string | undefined): Promise<GitState | undefined> {
  if (folder === undefined) return undefined;
  try {
    const [commit, changes] = await Promise.all([
      git(folder, ["rev-parse", "--verify", "--quiet", "HEAD"]),
      git(folder, ["status", "--porcelain", "--untracked-files=no"]),
    ]);
    const id = commit?.trim();
    if (!id) return undefined;
    return changes === undefined ? { commit: id } : { commit: id, dirty: changes.trim() !== "" };
  } catch {
    // No git, or no permission to run it: provenance is never required.
    return undefined;
  }
}

/** What git says; nothing when it fails or takes too long. */
async function git(folder: string, args: string[]): Promise<string | undefined> {
  const child = new Deno.Command("git", {
    args: ["-C", folder, "--no-optional-locks", "-c", "core.fsmonitor=false", ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
    detached: true, // a group of its own, so that all of it can be killed
    ...gitEnvironment(),
  }).spawn();
  const reader = child.stdout.getReader();
  const decoder = new TextDecoder();
  let text = "";
  const reading = (async () => {
    for (let next; !(next = await reader.read()).done;) text += decoder.decode(next.value, { stream: true });
  })().catch(() => {/* a pipe that breaks has ended */});
  try {
    const status = await within(child.status, GIT_TIMEOUT_MS) ??
      // While a task beside it keeps this process busy the time goes by unseen: perhaps it had ended.
      await within(child.status, GIT_SILENCE_MS);
    if (status === undefined) {
      killGroup(child);
      child.unref(); // one that waits for a server that is gone cannot even be killed
      return undefined;
    }
    await within(reading, GIT_SILENCE_MS);
    return status.success ? text : undefined;
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/**
 * The environment without what names another repository than that of the folder, as it is within git's own
 * hooks.
 */
function gitEnvironment(): { env: Record<string, string>; clearEnv: true } | Record<never, never> {
  const env = environmentVariables();
  const names = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX"]
    .filter((name) => env[name] !== undefined);
  if (names.length === 0) return {};
  for (const name of names) delete env[name];
  return { env, clearEnv: true };
}

function killGroup(child: Deno.ChildProcess): void {
  for (const kill of [() => Deno.kill(-child.pid, "SIGKILL"), () => child.kill("SIGKILL")]) {
    try {
      return kill();
    } catch { /* it has ended, or only programs by name may be started: then the other way */ }
  }
}

/** What a promise gives within so many milliseconds, else `undefined`. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => timer = setTimeout(() => resolve(undefined), ms));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function osRelease(): string {
  try {
    return Deno.osRelease();
  } catch {
    return "";
  }
}

/** The command line, without what may be a secret. */
export function commandLine(): string[] {
  const args = maskedWords(Deno.args);
  try {
    const own = oneFile();
    if (own !== undefined) return [own, ...args];
    return [Deno.execPath(), Deno.mainModule, ...args];
  } catch {
    return [Deno.mainModule, ...args];
  }
}
