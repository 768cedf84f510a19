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
    name: "logs",
    summary: "Print what attempts of an artifact, a task or a run have printed",
    load: async () => (await import("./logs.ts")).logsCommand,
  },
  {
    name: "migrate",
    summary: "Make results of tasks as they were once those of today's",
    load: async () => (await import("../migrate/migrate.ts")).migrateCommand,
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
];
