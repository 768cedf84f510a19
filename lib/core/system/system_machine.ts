import { BeatThread } from "./beat_thread.ts";
import { systemClock } from "./clock.ts";
import { userName } from "../environment.ts";
import { errorCode } from "../errors.ts";
import { isSameProcess, type Machine, type Owner } from "./machine.ts";
import { systemFiles } from "./system_files.ts";

/** The machine that this process runs on. Makes a thread only when something is to be beaten for. */
export function systemMachine(): Machine {
  const self = thisProcess();
  const thread = new BeatThread();
  return {
    files: systemFiles,
    clock: systemClock,
    self,
    isGone: (owner) => isGone(owner, self),
    isForsaken: (owner, claim) =>
      isSameProcess(owner, self) && !thread.beatsFor(claim.id) && isForsaken(claim),
    beat: (options) => thread.start(options),
    randomId: randomIds(self),
  };
}

/** Ids that two processes never share: by `--seed` all of them would be given the same random numbers. */
function randomIds(self: Owner): () => string {
  // FNV-1a over what no other process is: 48 bits of it.
  let salt = 0xcbf29ce484222325n;
  for (const char of `${JSON.stringify(self)} ${Date.now()} ${performance.timeOrigin}`) {
    salt = BigInt.asUintN(64, (salt ^ BigInt(char.codePointAt(0)!)) * 0x100000001b3n);
  }
  const own = Array.from({ length: 6 }, (_, i) => Number(salt >> BigInt(8 * i) & 0xffn));
  return () => {
    const bytes = crypto.getRandomValues(new Uint8Array(6));
    return Array.from(bytes, (byte, i) => (byte ^ own[i]!).toString(16).padStart(2, "0")).join("");
  };
}

function thisProcess(): Owner {
  const boot = quietly(() => Deno.readTextFileSync("/proc/sys/kernel/random/boot_id").trim());
  const pidNamespace = quietly(() => Deno.readLinkSync("/proc/self/ns/pid"));
  const start = quietly(() => startTime(Deno.pid));
  const user = userName();
  const uid = quietly(ownUid);
  return {
    host: quietly(() => Deno.hostname()) ?? "unknown",
    pid: Deno.pid,
    ...(boot === undefined ? {} : { boot }),
    ...(pidNamespace === undefined ? {} : { pidNamespace }),
    ...(start === undefined ? {} : { start }),
    ...(user === undefined ? {} : { user }),
    ...(uid === undefined ? {} : { uid }),
  };
}

/**
 * Only a process of this host, boot and PID namespace can be known to be gone; of others the lease decides.
 */
function isGone(owner: Owner, self: Owner): boolean {
  const known = self.boot !== undefined && self.pidNamespace !== undefined && self.start !== undefined;
  const here = owner.host === self.host && owner.boot === self.boot &&
    owner.pidNamespace === self.pidNamespace;
  if (!known || !here || owner.start === undefined) return false;
  try {
    return startTime(owner.pid) !== owner.start;
  } catch (error) {
    // With /proc mounted `hidepid` other people's processes look absent; process 1 always exists, so it
    // tells.
    const absent = error instanceof Deno.errors.NotFound || errorCode(error) === "ESRCH";
    return absent && quietly(() => startTime(1)) !== undefined;
  }
}

/** A claim is opened for its heartbeat soon after it is made; one that is younger may not be yet. */
const OPENED_AFTER_MS = 5000;

/**
 * Whether no thread of this process has the file open. All that had it open when it was started again has
 * been closed.
 */
function isForsaken({ path, startedAt }: { path: string; startedAt: string }): boolean {
  // A claim of this very host, so its clock is ours.
  if (Date.now() - Date.parse(startedAt) < OPENED_AFTER_MS) return false;
  try {
    const { dev, ino } = Deno.statSync(path);
    for (const { name } of Deno.readDirSync("/proc/self/fd")) {
      const open = quietly(() => Deno.statSync(`/proc/self/fd/${name}`));
      if (open?.ino === ino && open.dev === dev) return false;
    }
    return true;
  } catch {
    return false; // no permission to look: the lease decides
  }
}

/** Field 22 of `/proc/<pid>/stat` (proc(5)); `undefined` for a zombie, which computes nothing any more. */
function startTime(pid: number): string | undefined {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
}

/**
 * The user whose files this process makes. `Deno.uid()` tells the real one, and needs a permission of its
 * own.
 */
function ownUid(): number | undefined {
  const status = Deno.readTextFileSync("/proc/self/status");
  const [, digits] = /^Uid:\s+\d+\s+(\d+)/m.exec(status) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

/** What cannot be known (no /proc, no permission) is left out. */
function quietly<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
