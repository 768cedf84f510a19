import { defineCommand } from "../program/command.ts";
import {
  choiceFlag,
  type FlagValues,
  given,
  optionalChoiceFlag,
  switchFlag,
  valueFlag,
  wholeNumber,
} from "../program/flag.ts";
import {
  checkTogether,
  clusterFlag,
  forcedBy,
  forceDependentsFlag,
  forceFlag,
  limitFlag,
  limitsBy,
  parseSeconds,
  parseWindow,
  parseWorkers,
  priorityBy,
  priorityFlag,
  progressOf,
  submittedJson,
} from "./run_flags.ts";
import type { SlurmModeOptions } from "../program/engine.ts";
import { artifactPaths, artifactsDir } from "../../store/layout.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { exampleTarget, loadTarget, targetArgs } from "../roots/target.ts";

const flags = {
  workers: valueFlag(
    "N|SPEC=N,...",
    "Most tasks at a time, in all or for each spec (default: the cores); " +
      "of a pool, most workers (default: 50)",
    parseWorkers,
    { short: "j", also: ["w", "jobs"] },
  ),
  "dry-run": switchFlag("Only show what would be done, as plan does", { short: "n" }),
  window: valueFlag("dfs|bfs|K", "How many roots are worked on at a time: one, all or K", parseWindow),
  limit: limitFlag,
  priority: priorityFlag,
  "keep-going": switchFlag("After a failure do all that does not depend on it", { short: "k" }),
  force: forceFlag,
  "force-dependents": forceDependentsFlag,
  isolation: choiceFlag(
    ["process", "inline"],
    "Where tasks run: in worker processes (default) or in this one",
  ),
  retries: valueFlag(
    "N",
    "How often a failed task that says no number is tried again; 0: none is (default: FURU_MAX_COMPUTE_RETRIES, else 3)",
    (text) => wholeNumber(text, 0),
  ),
  "max-heap": valueFlag(
    "MB",
    "V8's heap in each process that computes " +
      "(default: FURU_MAX_HEAP_MB; on Slurm by the spec's memGb; else V8's own limit)",
    (text) => wholeNumber(text, 16),
  ),
  "max-tasks-per-worker": valueFlag(
    "N",
    "After so many tasks such a process is replaced (default: FURU_MAX_TASKS_PER_WORKER, else no limit)",
    (text) => wholeNumber(text, 1),
  ),
  "max-worker-mb": valueFlag(
    "MB",
    "Also after a task that leaves it more memory " +
      "(default: FURU_MAX_WORKER_MB, else 256, or what is usual where that is more)",
    (text) => wholeNumber(text, 1),
  ),
  slurm: optionalChoiceFlag(
    ["pool", "dag"],
    "Run on Slurm, with the specs of furu.json: by a pool of workers (default), or one job for each artifact",
  ),
  cluster: clusterFlag,
  detach: switchFlag("Only submit; the jobs go on by themselves (with --slurm)"),
  "idle-timeout": valueFlag(
    "SECONDS",
    "After so long without a task a worker leaves (default: 60; with --slurm pool)",
    parseSeconds,
  ),
  "tasks-per-worker": valueFlag(
    "N",
    "How many tasks a worker computes at a time (default: 1; with --slurm pool)",
    (text) => wholeNumber(text, 1),
  ),
  launcher: choiceFlag(
    ["sbatch", "srun"],
    "How workers start: as jobs of their own (default), " +
      "or with srun inside the job this runs in (with --slurm pool)",
  ),
  "no-snapshot": switchFlag(
    "Let jobs import the code that is there when they start, not what it is now (with --slurm)",
  ),
  "take-over": switchFlag(
    "Also take up a run of the same roots that another user began, or that is on another cluster, " +
      "if its controller is gone (with --slurm pool)",
  ),
  notify: valueFlag(
    "URL|COMMAND|none",
    "Who is told, by a line of JSON, when the run has ended or first fails (default: FURU_NOTIFY, else nobody)",
    (text) => text === "none" ? false as const : text,
  ),
  "no-retry-failed": switchFlag("Leave alone what failed in an earlier run"),
};

/** `furu run`: computes what is missing. */
export const runCommand = defineCommand({
  ...targetArgs,
  description: [
    "Runs the roots: the default export of the module (or the export named), which is an artifact, an " +
    "array of artifacts, or a function that returns either. What is stored already is not computed " +
    "again.",
    "Exit codes: 0 all roots are there, 1 something failed, 2 wrong use, 130 interrupted (Ctrl-C), " +
    "143 terminated.",
  ],
  flags,
  examples: (program) => {
    const target = exampleTarget(program);
    return [
      [target.trimEnd(), "computes what is missing, as many tasks at a time as there are cores"],
      [
        `${target}--workers gpu=1,default=8 --keep-going`,
        "one task of spec gpu at a time, and go on after failures",
      ],
      [
        `${target}--limit license=3`,
        "no more than 3 licences at once, of tasks that say that they take some",
      ],
      [`${target}--force toy/Train --retries 0`, "trains again all that is asked for, each once"],
      [`${target}--slurm --workers 20`, "runs on Slurm with at most 20 workers, and follows the run"],
      [`${target}--slurm --detach`, "submits the first workers, prints the run's id, and leaves"],
      [`${target}--slurm dag --detach`, "submits one job for each artifact, and prints the run's id"],
      [`${target}--json > events.jsonl`, "the events of the run, one JSON document a line"],
    ];
  },
  async run({ args, flags, globals, io, program, engine }) {
    checkTogether(flags);
    if (flags["dry-run"]) {
      const plan = (await import("./plan.ts")).planCommand;
      const { force, slurm, cluster, limit, priority, "force-dependents": dependents } = flags;
      const absent = { format: undefined, all: false, why: false };
      return await plan.run({
        args,
        flags: { ...absent, force, slurm, cluster, limit, priority, "force-dependents": dependents },
        globals,
        io,
        program,
        engine,
      });
    }
    const { roots, entry } = await loadTarget(program, args, io);
    const common = given({
      entry,
      ...forcedBy(flags),
      progress: progressOf(globals),
      maxComputeRetries: flags.retries,
      retryFailed: flags["no-retry-failed"] ? false : undefined,
      maxHeapMb: flags["max-heap"],
      maxTasksPerWorker: flags["max-tasks-per-worker"],
      maxWorkerMb: flags["max-worker-mb"],
      priority: priorityBy(flags.priority),
      notify: flags.notify,
    });
    if (flags.slurm !== undefined) {
      const snapshot = flags["no-snapshot"] ? false : undefined;
      const run = await engine.runSlurm(roots, { ...common, ...given({ snapshot }), ...slurmOptions(flags) });
      if ("runDir" in run) io.out(globals.json ? submittedJson(run) : `${run.runId}\n`);
      return 0;
    }
    const local = given({
      keepGoing: flags["keep-going"],
      maxWorkers: flags.workers,
      window: flags.window,
      limits: limitsBy(flags.limit),
      isolation: flags.isolation,
    });
    await engine.runLocal(roots, { ...common, ...local });
    if (!globals.json && !globals.quiet) io.err(resultsText(await engine.root(), roots));
    return 0;
  },
});

/** So many results are named by their paths. */
const NAMED = 3;

/** Where the results of the roots are. */
function resultsText(root: string, roots: readonly Artifact[]): string {
  const once = [...new Map(roots.map((artifact) => [artifact.hash, artifact])).values()];
  if (once.length <= NAMED) {
    return once.map((each) => `result ${artifactPaths(root, each).record}\n`).join("");
  }
  const names = [...new Set(once.map(({ name }) => name))];
  const shown = names.slice(0, NAMED).map((name) => `furu ls ${name}`).join(", ");
  return `${once.length} results in ${artifactsDir(root)}: ${shown}${names.length > NAMED ? ", …" : ""}\n`;
}

function slurmOptions(values: FlagValues<typeof flags>): SlurmModeOptions {
  const { detach } = values;
  const { cluster } = values;
  if (values.slurm === "dag") return given({ mode: "dag" as const, detach, cluster });
  return given({
    mode: "pool" as const,
    detach,
    cluster,
    keepGoing: values["keep-going"],
    maxWorkers: values.workers,
    window: values.window,
    limits: limitsBy(values.limit),
    idleTimeoutSec: values["idle-timeout"],
    tasksPerWorker: values["tasks-per-worker"],
    launcher: values.launcher,
    takeOver: values["take-over"] ? true : undefined,
  });
}
