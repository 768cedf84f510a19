import { join } from "@std/path/posix/join";
import type { ProgramRunner } from "../../slurm/client/program.ts";
import { type Mount, parseMounts } from "./mounts.ts";

/** The facts of a machine on which tasks run. */
export interface MachineFacts {
  /** The versions of Deno and of V8. */
  deno: { version: string; path: string };
  /** Bytes: V8's limit, all memory, and what a cgroup leaves. */
  memory: { heapLimit: number; total: number; cgroup?: number | undefined };
  /** Processors: those that are seen, and what a cgroup leaves of them. */
  processors: { count: number; cgroup?: number | undefined };
  /** What `/proc` shows. */
  proc: { ownStart: boolean; others: boolean; boot: boolean; options: readonly string[] };
  /** Limits of this process; `null` where there is none. */
  limits: { openFiles: number | null; processes: number | null; addressSpaceBytes: number | null };
  /** The folder for temporary files, with a socket in it. */
  temp: { folder: string; free: number; socket: boolean; error?: string | undefined };
  /** The programs that furu starts, and those that are not there. */
  programs: { missing: string[] };
}

/** Programs that furu starts, and why. */
export const PROGRAMS_USED: Readonly<Record<string, string>> = {
  sh: "worker processes are started through it",
  cat: "a process without all permissions reads its own command line by it",
  git: "records say by it which commit computed them",
};

/** Looks at each fact of the machine. */
export const machineProbes: {
  readonly [K in keyof MachineFacts]: (run: ProgramRunner) => Promise<MachineFacts[K]>;
} = {
  deno: () => Promise.resolve({ version: Deno.version.deno, path: Deno.execPath() }),
  memory: async () => {
    const { getHeapStatistics } = await import("node:v8");
    const cgroup = lowest(cgroupValues("memory", ["memory.max", "memory.limit_in_bytes"]).map(Number));
    const { total } = Deno.systemMemoryInfo();
    return {
      heapLimit: getHeapStatistics().heap_size_limit,
      total,
      // Without a limit the older version of cgroups shows a number near 2^63.
      ...(cgroup !== undefined && cgroup < total ? { cgroup } : {}),
    };
  },
  processors: () => {
    const shares = cgroupValues("cpu", ["cpu.max"]).flatMap((text) => {
      const [quota = "", period = ""] = text.split(" ");
      return quota === "max" ? [] : [Number(quota) / Number(period)];
    });
    const old = cgroupValues("cpu", ["cpu.cfs_quota_us"]).map(Number).filter((quota) => quota > 0)
      .map((quota) => quota / 100_000);
    const cgroup = lowest([...shares, ...old]);
    const count = navigator.hardwareConcurrency;
    return Promise.resolve({ count, ...(cgroup === undefined ? {} : { cgroup }) });
  },
  proc: () =>
    Promise.resolve({
      ownStart: readOr("/proc/self/stat") !== "",
      others: readOr("/proc/1/stat") !== "",
      boot: readOr("/proc/sys/kernel/random/boot_id") !== "",
      options: parseMounts(readOr("/proc/self/mountinfo")).findLast(({ at }) => at === "/proc")?.options ??
        [],
    }),
  limits: () => {
    const text = readOr("/proc/self/limits");
    const limit = (name: string): number | null => {
      const word = new RegExp(`^${name} +(\\S+)`, "m").exec(text)?.[1];
      return word === undefined || word === "unlimited" ? null : Number(word);
    };
    return Promise.resolve({
      openFiles: limit("Max open files"),
      processes: limit("Max processes"),
      addressSpaceBytes: limit("Max address space"),
    });
  },
  temp: async () => {
    // Where the sockets of worker processes are, too.
    const folder = await Deno.makeTempDir({ prefix: "furu-doctor-" });
    try {
      const { statfsSync } = await import("node:fs");
      const { bavail, bsize } = statfsSync(folder);
      const found = { folder: join(folder, ".."), free: bavail * bsize };
      try {
        Deno.listen({ transport: "unix", path: join(folder, "socket") }).close();
        return { ...found, socket: true };
      } catch (error) {
        return { ...found, socket: false, error: (error as Error).message };
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
  programs: async (run) => {
    const missing: string[] = [];
    for (const name of Object.keys(PROGRAMS_USED)) {
      const command = ["/bin/sh", "-c", `command -v "$0"`, name];
      const { code } = await run(command, { env: Deno.env.toObject(), timeoutMs: 10_000 });
      if (code !== 0) missing.push(name);
    }
    return { missing };
  },
};

/** The mount of `/proc` that hides what others do. */
export function hidesOthers({ options }: Pick<Mount, "options">): boolean {
  return options.some((each) => /^hidepid=([^0]|.{2,})/.test(each) && each !== "hidepid=off");
}

/** The values of a file in the own memory or processor cgroup and in all above it, of either version. */
function cgroupValues(controller: string, names: readonly string[]): string[] {
  const groups = readOr("/proc/self/cgroup").split("\n").map((line) => line.split(":"));
  const places = groups.flatMap(([number, controllers = "", path = "/"]) => {
    if (number === "0" && controllers === "") return [["/sys/fs/cgroup", path]];
    return controllers.split(",").includes(controller) ? [[`/sys/fs/cgroup/${controller}`, path]] : [];
  });
  return places.flatMap(([base = "", path = ""]) => {
    const parts = path.split("/").filter((part) => part !== "");
    const folders = parts.map((_, i) => join(base, ...parts.slice(0, i + 1)));
    return [base, ...folders].flatMap((folder) => names.map((name) => readOr(join(folder, name)).trim()));
  }).filter((text) => text !== "" && text !== "max");
}

function lowest(values: readonly number[]): number | undefined {
  const numbers = values.filter((value) => value > 0);
  return numbers.length === 0 ? undefined : Math.min(...numbers);
}

function readOr(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return ""; // not there, or hidden
  }
}
