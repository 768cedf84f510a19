import type { Config } from "../core/config.ts";
import type { Owner } from "../core/machine.ts";
import { packed } from "../core/packed.ts";
import type { SlurmJob } from "./record.ts";
import { FURU_VERSION } from "../core/version.ts";

/** What git tells of the code that runs. */
export interface GitState {
  /** The commit that is checked out. */
  commit: string;
  /** Are there changes since? */
  dirty: boolean;
}

/** Which code computes, where a run keeps it. */
export interface CodeVersion {
  /** The digest of the user's local modules and of what decides how they are resolved. */
  digest: string;
  /** The snapshot of them, below `snapshots/` of the store. */
  id: string;
}

/** Longest time that git may take: a huge work tree on a slow server must not hold up results. */
const GIT_TIMEOUT_MS = 10_000;

/** How long what is known of the peak memory is good for. */
const PEAK_MEMORY_MS = 100;

/** Says where records come from (DESIGN section 4): versions, host, user, command, git, memory. */
export class Provenance {
  readonly #how: Config["recordGit"];
  readonly #fixed: Record<string, unknown>;
  #git: Promise<GitState | undefined> | undefined;
  #peak: number | undefined;
  #peakUntil = 0;

  /** @param known `git`: what that said already in another process of the same run; `slurm`: the job; `code`: what computes. */
  constructor(
    how: Config["recordGit"],
    self: Owner,
    { git: known, slurm, code }: {
      git?: GitState | null | undefined;
      slurm?: SlurmJob | undefined;
      code?: CodeVersion | undefined;
    } = {},
  ) {
    this.#how = how;
    if (known !== undefined && how === "cached") this.#git = Promise.resolve(known ?? undefined);
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
      ...(code === undefined ? {} : { code: { digest: code.digest, snapshot: code.id } }),
    };
  }

  /** The commit and state of the current folder's git tree; `undefined` without git. Asked once, unless `uncached`. */
  async git(): Promise<GitState | undefined> {
    if (this.#how === "ignore") return undefined;
    if (this.#how === "uncached") return await askGit();
    return await (this.#git ??= askGit());
  }

  /** Looked up now and then only: that costs as much as a small task's whole record. */
  #peakMemory(): number | undefined {
    const now = performance.now();
    if (now >= this.#peakUntil) {
      this.#peak = peakMemory();
      this.#peakUntil = now + PEAK_MEMORY_MS;
    }
    return this.#peak;
  }

  /** For a record that is about to be written. */
  async collect(): Promise<Record<string, unknown>> {
    const git = await this.git();
    const peakMemoryBytes = this.#peakMemory();
    return {
      ...this.#fixed,
      ...(git === undefined ? {} : { git }),
      ...(peakMemoryBytes === undefined ? {} : { peakMemoryBytes }),
    };
  }
}

async function askGit(): Promise<GitState | undefined> {
  try {
    const commit = await git(["rev-parse", "HEAD"]);
    const changes = await git(["status", "--porcelain", "--untracked-files=no"]);
    return commit === undefined ? undefined : { commit: commit.trim(), dirty: changes?.trim() !== "" };
  } catch {
    // No git, no permission to run it, or too slow: provenance is never required.
    return undefined;
  }
}

async function git(args: string[]): Promise<string | undefined> {
  const { success, stdout } = await new Deno.Command("git", {
    args: ["--no-optional-locks", ...args],
    stdin: "null",
    stderr: "null",
    signal: AbortSignal.timeout(GIT_TIMEOUT_MS),
  }).output();
  return success ? new TextDecoder().decode(stdout) : undefined;
}

/** The highest resident memory of this process so far, as the kernel counts it (proc(5), VmHWM). */
function peakMemory(): number | undefined {
  try {
    const kib = /^VmHWM:\s*(\d+) kB$/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
    return kib === undefined ? undefined : Number(kib) * 1024;
  } catch {
    return undefined;
  }
}

function osRelease(): string {
  try {
    return Deno.osRelease();
  } catch {
    return "";
  }
}

/** The command line, without what may be a secret in the environment. */
function commandLine(): string[] {
  const own = packed();
  if (own !== undefined) return [own.file, ...Deno.args];
  try {
    return [Deno.execPath(), Deno.mainModule, ...Deno.args];
  } catch {
    return [Deno.mainModule, ...Deno.args];
  }
}
