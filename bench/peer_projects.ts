import type { Folder } from "./folder.ts";
import type { Peer, PeerName } from "./peers.ts";

/** How a tool is told to make many tiny files, two at a time. */
export interface PeerProject {
  /** The tool. */
  readonly peer: PeerName;
  /** As the table calls it. */
  readonly tool: string;
  /** Most targets that are worth waiting for: time for each is what counts. */
  readonly most: number;
  /** Writes what the tool reads, for so many targets. */
  write(folder: Folder, targets: number): void;
  /** What is run in the folder. */
  command(peer: Peer, targets: number): string[];
  /** What it makes in the folder: removed before each run from nothing. */
  readonly makes: readonly string[];
  /**
   * Does it know what is there already? `"by files"`: from its targets alone, so that they can be made by
   * hand.
   */
  readonly remembers: "by files" | "itself" | "no";
}

/** Each tool doing the work of a tiny artifact: one small file for each target. */
export const PEER_PROJECTS: readonly PeerProject[] = [
  {
    peer: "make",
    tool: "make -j2",
    most: 10_000,
    write: (folder, targets) =>
      folder.write("Makefile", `all: ${names(targets).join(" ")}\n\no/%:\n\t@echo $* > $@\n`),
    command: ({ command }) => [command, "-s", "-j2"],
    makes: ["o"],
    remembers: "by files",
  },
  {
    peer: "ninja",
    tool: "ninja -j2",
    most: 10_000,
    write: (folder, targets) => {
      const builds = names(targets).map((name) => `build ${name}: tiny\n`).join("");
      // `generator` makes ninja trust files that it has no log of.
      folder.write("build.ninja", `rule tiny\n  command = echo 1 > $out\n  generator = 1\n${builds}`);
    },
    command: ({ command }) => [command, "--quiet", "-j2"],
    makes: ["o", ".ninja_log", ".ninja_deps"],
    remembers: "by files",
  },
  {
    peer: "joblib",
    tool: "joblib, 2 jobs",
    most: 10_000,
    write: (folder, targets) => {
      folder.write("tiny.py", "def tiny(i):\n    return i\n");
      folder.write(
        "main.py",
        `from joblib import Memory, Parallel, delayed
from tiny import tiny
cached = Memory("cache", verbose=0).cache(tiny)
Parallel(n_jobs=2)(delayed(cached)(i) for i in range(${targets}))
`,
      );
    },
    command: ({ command }) => [command, "main.py"],
    makes: ["cache"],
    remembers: "itself",
  },
  {
    peer: "doit",
    tool: "doit -n 2",
    most: 10_000,
    write: (folder, targets) =>
      folder.write(
        "dodo.py",
        `def write(path):
    with open(path, "w") as file:
        file.write("1")

def task_tiny():
    for i in range(${targets}):
        path = f"o/{i}"
        yield {"name": str(i), "actions": [(write, [path])], "targets": [path], "uptodate": [True]}
`,
      ),
    command: ({ command }) => [command, "run", "-n", "2", "-r", "zero"],
    makes: ["o", ".doit.db", ".doit.db.db", ".doit.db.dat", ".doit.db.dir", ".doit.db.bak"],
    remembers: "itself",
  },
  {
    peer: "parallel",
    tool: "GNU parallel -j2",
    most: 1000,
    write: (folder, targets) =>
      folder.write("numbers", Array.from({ length: targets }, (_, i) => `${i}\n`).join("")),
    command: ({ command }) => [command, "-j2", "-a", "numbers", "echo {} > o/{}"],
    makes: ["o"],
    remembers: "no",
  },
  {
    peer: "snakemake",
    tool: "snakemake -j2",
    most: 500,
    write: (folder, targets) =>
      folder.write(
        "Snakefile",
        `rule all:
    input: [f"o/{i}" for i in range(${targets})]
rule tiny:
    output: "o/{i}"
    shell: "echo {wildcards.i} > {output}"
`,
      ),
    command: ({ command }) => [command, "-j2", "--quiet", "all"],
    makes: ["o", ".snakemake"],
    remembers: "by files",
  },
];

/** The targets' paths in the project's folder. */
export function names(targets: number): string[] {
  return Array.from({ length: targets }, (_, i) => `o/${i}`);
}
