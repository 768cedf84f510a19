import type { AnyCommand } from "../program/command.ts";

/** A command that is loaded when it is used. */
export interface LazyCommand {
  /** The word that follows the program's name. */
  readonly name: string;
  /** One line that says what it does. */
  readonly summary: string;
  /**
   * Whether it is left out of the list of commands, as people hardly ever need it.
   *
   * @default {false}
   */
  readonly hidden?: boolean;
  /** Loads it. */
  readonly load: () => Promise<AnyCommand>;
}

/** The commands, in the order of the help. */
export const commands: readonly LazyCommand[] = [
  {
    name: "run",
    summary: "Compute what is missing, in parallel on this machine or on Slurm",
    load: async () => (await import("./run.ts")).runCommand,
  },
  {
    name: "follow",
    summary: "Follow a run on Slurm until it has ended",
    load: async () => (await import("./follow.ts")).followCommand,
  },
  {
    name: "cancel",
    summary: "Cancel the jobs of a run on Slurm",
    load: async () => (await import("./cancel.ts")).cancelCommand,
  },
  {
    name: "plan",
    summary: "Show what a run would do: a tree with statuses and counts",
    load: async () => (await import("./plan.ts")).planCommand,
  },
  {
    name: "get",
    summary: "Print the value of one artifact as JSON, computing it if need be",
    load: async () => (await import("./get.ts")).getCommand,
  },
  {
    name: "status",
    summary: "Show how runs are getting on: counts, what runs, failures, time left",
    load: async () => (await import("./status.ts")).statusCommand,
  },
  {
    name: "ls",
    summary: "List what is stored: tasks, artifacts with their parameters, failures",
    load: async () => (await import("./ls.ts")).lsCommand,
  },
  {
    name: "show",
    summary: "Show what is stored of an artifact: parameters, origin, failures, logs, code",
    load: async () => (await import("./show.ts")).showCommand,
  },
  {
    name: "report",
    summary: "Write a page about a run or a pipeline: graph, timeline, failures, results",
    load: async () => (await import("../page/report.ts")).reportCommand,
  },
  {
    name: "serve",
    summary: "Show that page in a browser, live while a run goes on",
    load: async () => (await import("../page/serve.ts")).serveCommand,
  },
  {
    name: "table",
    summary: "Results as a table: parameters and values, as text, CSV, JSON or Markdown",
    load: async () => (await import("../takeout/table.ts")).tableCommand,
  },
  {
    name: "export",
    summary: "Copy results out of the store as plain files",
    load: async () => (await import("../takeout/export.ts")).exportCommand,
  },
  {
    name: "usage",
    summary: "What attempts took of time, memory and processors, and what to ask for",
    load: async () => (await import("../takeout/usage.ts")).usageCommand,
  },
  {
    name: "why",
    summary: "Say why artifacts would be computed, or when and by whom they were",
    load: async () => (await import("../explain/why.ts")).whyCommand,
  },
  {
    name: "diff",
    summary: "Compare two artifacts: parameters, dependencies, values, origin",
    load: async () => (await import("../explain/diff.ts")).diffCommand,
  },
  {
    name: "replay",
    summary: "Compute one artifact again beside the store, and compare",
    load: async () => (await import("../explain/replay.ts")).replayCommand,
  },
  {
    name: "logs",
    summary: "Print what attempts of an artifact, a task or a run have printed",
    load: async () => (await import("./logs.ts")).logsCommand,
  },
  {
    name: "du",
    summary: "Show what takes how much: tasks, failures, checkpoints, runs, snapshots",
    load: async () => (await import("../tidy/du.ts")).duCommand,
  },
  {
    name: "rm",
    summary: "Remove artifacts: shows what would go, --apply does it",
    load: async () => (await import("../tidy/rm.ts")).rmCommand,
  },
  {
    name: "gc",
    summary: "Remove what nobody needs: leftovers, old failures and runs, what no pipeline wants",
    load: async () => (await import("../tidy/gc.ts")).gcCommand,
  },
  {
    name: "pin",
    summary: "Keep an artifact and what it depends on, under a name; list what is kept",
    load: async () => (await import("../tidy/pin.ts")).pinCommand,
  },
  {
    name: "unpin",
    summary: "Let go of an artifact that was pinned",
    load: async () => (await import("../tidy/pin.ts")).unpinCommand,
  },
  {
    name: "check",
    summary: "Look for damaged results, dead claims and leftovers",
    load: async () => (await import("../tidy/check.ts")).checkCommand,
  },
  {
    name: "invalidate",
    summary: "Have artifacts computed again by the next run",
    load: async () => (await import("../tidy/invalidate.ts")).invalidateCommand,
  },
  {
    name: "migrate",
    summary: "Make results of tasks as they were once those of today's",
    load: async () => (await import("../migrate/migrate.ts")).migrateCommand,
  },
  {
    name: "doctor",
    summary: "Look at this machine, the store's filesystem and Slurm: what works, what to set",
    load: async () => (await import("../doctor/doctor.ts")).doctorCommand,
  },
  {
    name: "path",
    summary: "Print where an artifact is stored",
    load: async () => (await import("./path.ts")).pathCommand,
  },
  {
    name: "open",
    summary: "List or open the files of a result",
    load: async () => (await import("./open.ts")).openCommand,
  },
  {
    name: "pack",
    summary: "Make one file of furu, or of a pipeline, that needs neither Deno nor a network",
    load: async () => (await import("./pack.ts")).packCommand,
  },
  {
    name: "worker",
    summary: "Take tasks from the queue of a run and compute them",
    hidden: true,
    load: async () => (await import("./worker.ts")).furuWorkerCommand,
  },
  {
    name: "doctor-probe",
    summary: "Look at machine and store for 'doctor'",
    hidden: true,
    load: async () => (await import("../doctor/doctor_probe.ts")).doctorProbeCommand,
  },
];
