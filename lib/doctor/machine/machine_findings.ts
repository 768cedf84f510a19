import { bytesText } from "../../ui/text.ts";
import { DENO_FIX, DENO_TESTED, denoFault, isOlderDeno } from "../../core/system/deno_range.ts";
import { type DoctorFinding, findingOf, type Judgement, type Outcomes } from "./finding.ts";
import { hidesOthers, type MachineFacts, PROGRAMS_USED } from "./machine_facts.ts";

const TEMP_LITTLE = 1e9;
const FILES_FEW = 1024;
const PROCESSES_FEW = 256;
/** V8 reserves so much when it begins. */
const ADDRESS_SPACE = 64e9;

/** A permission, and what does not work without. */
export interface Permission {
  /** The flag. */
  readonly flag: string;
  /** Whether Deno grants it without conditions. */
  readonly granted: boolean;
  /** What does not work without it. */
  readonly need: string;
}

const NEEDS: readonly (readonly [Deno.PermissionName, string])[] = [
  ["read", "furu reads the store and the project's folder"],
  ["write", "the store is written"],
  ["run", "worker processes and Slurm's programs are started"],
  ["net", "worker processes are reached by a unix socket"],
  ["env", "FURU_* variables have no effect, and Slurm does not work"],
  ["sys", "Slurm is asked by the user's number"],
];

/** The permissions of this process. */
export function ownPermissions(): Permission[] {
  return NEEDS.map(([name, need]) => ({
    flag: `--allow-${name}`,
    granted: Deno.permissions.querySync({ name } as Deno.PermissionDescriptor).state === "granted",
    need,
  }));
}

/** Judges Deno's permissions. */
export function permissionFindings(permissions: readonly Permission[]): DoctorFinding[] {
  const missing = permissions.filter(({ granted }) => !granted);
  const all = { id: "deno.permissions", what: "permissions" };
  if (missing.length === 0) return [{ ...all, level: "fine", found: "all (-A)" }];
  return [{
    ...all,
    level: "warning",
    found: `without ${missing.map(({ flag }) => flag).join(", ")}`,
    effect: missing.map(({ flag, need }) => `${flag}: ${need}`).join("; "),
    fix: "start with 'deno run -A'; what is needed for what is under 'Permissions' in the README",
  }];
}

/** Where a Deno is none of those that the tests run with, nor between them. */
function testedText(version: string): string {
  const [oldest, newest] = DENO_TESTED;
  if (isOlderDeno(version, oldest)) return `; the oldest that furu is tested with is ${oldest}`;
  return isOlderDeno(newest, version) ? `; the newest that furu is tested with is ${newest}` : "";
}

/**
 * Judges the machine.
 *
 * @param maxHeapMb What the configuration says.
 * @default {V8's own limit}
 */
export function machineFindings(facts: Outcomes<MachineFacts>, maxHeapMb?: number): DoctorFinding[] {
  return [
    ...findingOf(facts.deno, {
      id: "deno.version",
      what: "Deno",
      judge: ({ version, path }) => {
        const found = `${version} (${path})`;
        const fault = denoFault({ version });
        return fault === undefined
          ? { level: "fine", found: found + testedText(version) }
          : { level: "wrong", found, effect: `${fault.split(",")[0]}: nothing else works`, fix: DENO_FIX };
      },
    }),
    ...findingOf(facts.memory, {
      id: "machine.memory",
      what: "memory",
      judge: (found) => judgeMemory(found, maxHeapMb),
    }),
    ...findingOf(facts.processors, {
      id: "machine.processors",
      what: "processors",
      judge: ({ count, cgroup }) => {
        const values = { count, cgroup };
        if (cgroup === undefined || cgroup >= count) return { level: "fine", found: `${count}`, values };
        const most = Math.max(1, Math.floor(cgroup));
        return {
          level: "warning",
          found: `${count}, of which a cgroup leaves ${cgroup.toFixed(1)}`,
          values,
          effect: `a run has ${count} workers, which get in each other's way`,
          fix: `--workers ${most} (maxWorkers: ${most})`,
        };
      },
    }),
    ...findingOf(facts.proc, { id: "machine.proc", what: "/proc", judge: judgeProc }),
    ...findingOf(facts.limits, { id: "machine.limits", what: "limits (ulimit)", judge: judgeLimits }),
    ...findingOf(facts.temp, {
      id: "machine.temp",
      what: "temporary files",
      unanswered: ({ error }) => ({
        level: "wrong",
        found: error,
        effect: "worker processes cannot be started: their sockets are there",
        fix: "set TMPDIR to a folder that you may write into",
      }),
      judge: ({ folder, free, socket, error }) => {
        const found = `${bytesText(free)} free in ${folder.replace(/\/[^/]*\/\.\.$/, "")}`;
        const values = { freeBytes: free };
        if (!socket) {
          return {
            level: "wrong",
            found: `no unix socket can be made in ${folder}: ${error}`,
            effect: "worker processes cannot be reached",
            fix: "set TMPDIR to a folder of this machine with a short path",
          };
        }
        if (free >= TEMP_LITTLE) return { level: "fine", found, values };
        return {
          level: "warning",
          found,
          values,
          effect: "tasks that write temporary files may fail",
          fix: "set TMPDIR to a folder with more room",
        };
      },
    }),
    ...findingOf(facts.programs, {
      id: "machine.programs",
      what: "programs",
      judge: ({ missing }) => {
        const all = Object.keys(PROGRAMS_USED);
        if (missing.length === 0) return { level: "fine", found: all.join(", ") };
        return {
          level: missing.includes("sh") ? "wrong" : "warning",
          found: `there is no ${missing.join(", ")}`,
          effect: missing.map((name) => `${name}: ${PROGRAMS_USED[name]}`).join("; "),
          fix: "install what is missing",
        };
      },
    }),
  ];
}

function judgeMemory(
  { heapLimit: ownLimit, total, cgroup }: MachineFacts["memory"],
  maxHeapMb?: number,
): Judgement {
  const heapLimit = maxHeapMb === undefined ? ownLimit : maxHeapMb * 2 ** 20;
  const available = Math.min(total, cgroup ?? Infinity);
  const limited = cgroup === undefined ? "" : `, of which a cgroup leaves ${bytesText(cgroup)}`;
  const found = `${bytesText(total)}${limited}; V8's heap has ${bytesText(heapLimit)} at most`;
  const values = { heapLimitBytes: heapLimit, bytes: total, cgroupBytes: cgroup };
  if (heapLimit <= available * 0.9) return { level: "fine", found, values };
  const mb = Math.max(128, Math.floor(available * 0.7 / 2 ** 20 / 64) * 64);
  return {
    level: "warning",
    found,
    values,
    effect: "a process that needs much is killed by the kernel before V8 says that its heap is full",
    fix: `set maxHeapMb to ${mb} at most`,
    settings: [{ path: ["maxHeapMb"], value: mb }],
  };
}

function judgeProc(proc: MachineFacts["proc"]): Judgement {
  const { ownStart, others, boot } = proc;
  const effect =
    "that another process is dead cannot be proven: its claims count until their lease has ended";
  if (!ownStart || !boot) {
    const fix = "mount /proc, as it is everywhere but in some containers";
    return { level: "warning", found: "does not tell when processes began", effect, fix };
  }
  if (others && !hidesOthers(proc)) return { level: "fine", found: "tells of all processes" };
  const found =
    "hides the processes of other users (hidepid): claims of theirs count until their lease has ended";
  return { level: "fine", found };
}

function judgeLimits({ openFiles, processes, addressSpaceBytes }: MachineFacts["limits"]): Judgement {
  const values = { openFiles, processes, addressSpaceBytes };
  const shown = (limit: number | null): string => limit === null ? "unlimited" : `${limit}`;
  const found = `${shown(openFiles)} open files, ${shown(processes)} processes` +
    (addressSpaceBytes === null ? "" : `, ${bytesText(addressSpaceBytes)} of virtual memory`);
  if ((addressSpaceBytes ?? Infinity) < ADDRESS_SPACE) {
    return {
      level: "warning",
      found,
      values,
      effect: "V8 reserves much more virtual memory than it uses, and dies where it cannot",
      fix: "ulimit -v unlimited",
    };
  }
  if ((openFiles ?? Infinity) < FILES_FEW || (processes ?? Infinity) < PROCESSES_FEW) {
    return {
      level: "warning",
      found,
      values,
      effect: "a run with many workers may reach them",
      fix: "raise them (ulimit -n, ulimit -u), or have fewer workers (--workers)",
    };
  }
  return { level: "fine", found, values };
}
