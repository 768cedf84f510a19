import type { AnyCommand } from "../program/command.ts";

/** What commands are for. */
export type CommandGroup = "Compute" | "Look" | "Understand" | "Take out" | "Tidy" | "Set up";

/** A command that is loaded when it is used. */
export interface LazyCommand {
  /** The word that follows the program's name. */
  readonly name: string;
  /** One line that says what it does. */
  readonly summary: string;
  /** What it is for: commands of one group stand together in the help. Hidden ones have none. */
  readonly group?: CommandGroup;
  /**
   * Whether it is left out of the list of commands, as people hardly ever need it.
   *
   * @default {false}
   */
  readonly hidden?: boolean;
  /**
   * What its arguments are, in the words of its help. With that they complete without loading it.
   *
   * @default {what the command itself says}
   */
  readonly takes?: string;
  /**
   * Whether only `furu` itself has it, and no script that calls `main`.
   *
   * @default {false}
   */
  readonly furuOnly?: boolean;
  /**
   * Whether it begins where Deno is too old for furu, too: it says that itself, to those who have to know.
   *
   * @default {false}
   */
  readonly anyDeno?: boolean;
  /** Loads it. */
  readonly load: () => Promise<AnyCommand>;
}

/** The commands, in the order of the help. */
export const commands: readonly LazyCommand[] = [
  {
    name: "run",
    group: "Compute",
    summary: "Compute what is missing, in parallel on this machine or on Slurm",
    takes: "MODULE",
    load: async () => (await import("./run.ts")).runCommand,
  },
  {
    name: "plan",
    group: "Compute",
    summary: "Show what a run would do: a tree with statuses and counts",
    takes: "MODULE",
    load: async () => (await import("./plan.ts")).planCommand,
  },
  {
    name: "get",
    group: "Compute",
    summary: "Print the value of one artifact as JSON, computing it if need be",
    takes: "MODULE|HASH",
    load: async () => (await import("./get.ts")).getCommand,
  },
  {
    name: "follow",
    group: "Compute",
    summary: "Follow a run on Slurm until it has ended",
    takes: "RUN",
    load: async () => (await import("./follow.ts")).followCommand,
  },
  {
    name: "cancel",
    group: "Compute",
    summary: "Cancel the jobs of a run on Slurm",
    takes: "RUN",
    load: async () => (await import("./cancel.ts")).cancelCommand,
  },
  {
    name: "migrate",
    group: "Compute",
    summary: "Make results of tasks as they were once those of today's",
    load: async () => (await import("../migrate/migrate.ts")).migrateCommand,
  },
  {
    name: "replay",
    group: "Compute",
    summary: "Compute one artifact again beside the store, and compare",
    takes: "HASH|MODULE",
    load: async () => (await import("../explain/replay.ts")).replayCommand,
  },
  {
    name: "status",
    group: "Look",
    summary: "Show how runs are getting on: counts, what runs, failures, time left",
    takes: "RUN",
    load: async () => (await import("./status.ts")).statusCommand,
  },
  {
    name: "ls",
    group: "Look",
    summary: "List what is stored: tasks, artifacts with their parameters, failures",
    takes: "TASK|HASH",
    load: async () => (await import("./ls.ts")).lsCommand,
  },
  {
    name: "show",
    group: "Look",
    summary: "Show what is stored of an artifact: parameters, origin, failures, logs, code",
    takes: "HASH|TASK|MODULE",
    load: async () => (await import("./show.ts")).showCommand,
  },
  {
    name: "report",
    group: "Look",
    summary: "Write a page about a run or a pipeline: graph, timeline, failures, results",
    takes: "RUN|MODULE|TASK",
    load: async () => (await import("../page/report.ts")).reportCommand,
  },
  {
    name: "serve",
    group: "Look",
    summary: "Show that page in a browser, live while a run goes on",
    takes: "RUN|MODULE|TASK",
    load: async () => (await import("../page/serve.ts")).serveCommand,
  },
  {
    name: "logs",
    group: "Look",
    summary: "Print what attempts of an artifact, a task or a run have printed",
    takes: "HASH|TASK|RUN",
    load: async () => (await import("./logs.ts")).logsCommand,
  },
  {
    name: "open",
    group: "Look",
    summary: "List or open the files of a result",
    takes: "HASH|FILE",
    load: async () => (await import("./open.ts")).openCommand,
  },
  {
    name: "path",
    group: "Look",
    summary: "Print where an artifact is stored",
    takes: "HASH|MODULE",
    load: async () => (await import("./path.ts")).pathCommand,
  },
  {
    name: "why",
    group: "Understand",
    summary: "Say why artifacts would be computed, or when and by whom they were",
    takes: "MODULE|HASH",
    load: async () => (await import("../explain/why.ts")).whyCommand,
  },
  {
    name: "diff",
    group: "Understand",
    summary: "Compare two artifacts: parameters, dependencies, values, origin",
    takes: "HASH|MODULE",
    load: async () => (await import("../explain/diff.ts")).diffCommand,
  },
  {
    name: "usage",
    group: "Understand",
    summary: "What attempts took of time, memory and processors, and what to ask for",
    takes: "TASK|HASH",
    load: async () => (await import("../takeout/usage.ts")).usageCommand,
  },
  {
    name: "check",
    group: "Understand",
    summary: "Look for damaged results, dead claims and leftovers",
    takes: "TASK|HASH",
    load: async () => (await import("../tidy/check.ts")).checkCommand,
  },
  {
    name: "table",
    group: "Take out",
    summary: "Results as a table: parameters and values, as text, CSV, JSON or Markdown",
    takes: "TASK|HASH",
    load: async () => (await import("../takeout/table.ts")).tableCommand,
  },
  {
    name: "export",
    group: "Take out",
    summary: "Copy results out of the store as plain files",
    takes: "HASH|TASK|DIR",
    load: async () => (await import("../takeout/export.ts")).exportCommand,
  },
  {
    name: "pack",
    group: "Take out",
    summary: "Make one file of furu, or of a pipeline, that needs neither Deno nor a network",
    takes: "PIPELINE",
    load: async () => (await import("./pack.ts")).packCommand,
  },
  {
    name: "du",
    group: "Tidy",
    summary: "Show what takes how much: tasks, failures, checkpoints, runs, snapshots",
    takes: "TASK|HASH",
    load: async () => (await import("../tidy/du.ts")).duCommand,
  },
  {
    name: "rm",
    group: "Tidy",
    summary: "Remove artifacts: shows what would go, --apply does it",
    takes: "HASH|TASK",
    load: async () => (await import("../tidy/rm.ts")).rmCommand,
  },
  {
    name: "gc",
    group: "Tidy",
    summary: "Remove what nobody needs: leftovers, old failures and runs, what no pipeline wants",
    takes: "TASK",
    load: async () => (await import("../tidy/gc.ts")).gcCommand,
  },
  {
    name: "pin",
    group: "Tidy",
    summary: "Keep an artifact and what it depends on, under a name; list what is kept",
    takes: "HASH",
    load: async () => (await import("../tidy/pin.ts")).pinCommand,
  },
  {
    name: "unpin",
    group: "Tidy",
    summary: "Let go of an artifact that was pinned",
    takes: "HASH",
    load: async () => (await import("../tidy/pin.ts")).unpinCommand,
  },
  {
    name: "invalidate",
    group: "Tidy",
    summary: "Have artifacts computed again by the next run",
    takes: "HASH|TASK",
    load: async () => (await import("../tidy/invalidate.ts")).invalidateCommand,
  },
  {
    name: "init",
    group: "Set up",
    summary: "Make a project that runs: a pipeline, a test, a configuration",
    takes: "DIR",
    furuOnly: true,
    load: async () => (await import("../setup/init.ts")).initCommand,
  },
  {
    name: "config",
    group: "Set up",
    summary: "Show the settings in effect, and where each comes from",
    load: async () => (await import("../setup/config.ts")).configCommand,
  },
  {
    name: "doctor",
    group: "Set up",
    summary: "Look at this machine, the store's filesystem and Slurm: what works, what to set",
    anyDeno: true,
    load: async () => (await import("../doctor/doctor.ts")).doctorCommand,
  },
  {
    name: "completions",
    group: "Set up",
    summary: "Print what makes a shell complete commands, flags, tasks and hashes",
    furuOnly: true,
    load: async () => (await import("../setup/completions.ts")).completionsCommand,
  },
  {
    name: "worker",
    summary: "Take tasks from the queue of a run and compute them",
    hidden: true,
    anyDeno: true,
    load: async () => (await import("./worker.ts")).furuWorkerCommand,
  },
  {
    name: "doctor-probe",
    summary: "Look at machine and store for 'doctor'",
    hidden: true,
    anyDeno: true,
    load: async () => (await import("../doctor/doctor_probe.ts")).doctorProbeCommand,
  },
];
