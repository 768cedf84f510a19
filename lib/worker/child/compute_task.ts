import type { AttemptEnd } from "../../core/attempt_end.ts";
import type { Config } from "../../core/config.ts";
import { furuGlobals } from "../../core/globals.ts";
import { embeddedPipeline, importModule } from "../../core/packed.ts";
import { attemptFirst } from "../../run/first_attempt.ts";
import { computeAttempt } from "../../run/compute.ts";
import { refuseStrayCode } from "../../run/context.ts";
import { systemRuntime } from "../../run/default_runtime.ts";
import type { Runtime } from "../../run/runtime.ts";
import type { CodeVersion, GitState } from "../../store/results/provenance.ts";
import type { SlurmJob } from "../../store/record.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { refuseLoadOnly } from "../../task/artifact/load_only.ts";
import { decodeArtifact, type EncodedArtifact, references } from "../../task/artifact/reference.ts";
import { keepDeclared } from "../../task/artifact/make.ts";
import { findTask } from "../../task/artifact/registry.ts";
import type { ComputeIo, ComputeTask } from "./child.ts";
import { writeAll } from "../../core/system/write_all.ts";
import { ensureTask, type TaskLoader } from "./load_module.ts";

/** The configuration of a computing process, sent once when it starts. */
export interface ComputeConfig {
  /** The configuration of the run. */
  config: Config;
  /** The state of git that the run began with; `null` for none. */
  git: GitState | null;
  /** The Slurm job that it runs in, for the records. */
  slurm?: SlurmJob;
  /** Which code it imports, where the run keeps it. */
  code?: CodeVersion;
  /**
   * How many attempts may run at once in processes like this one.
   *
   * @default {1}
   */
  atOnce?: number;
}

let runtime: Runtime | undefined;
/** Whether code was imported for the task that runs. */
let imported = false;
// What was made for earlier tasks, and what was read and not made yet: kept for the tasks to come.
const made = new Map<string, Artifact>();
const read = new Map<string, EncodedArtifact>();

/**
 * Makes an attempt in a computing process: finds the task's code, makes the artifact again from its
 * parameters, and computes under the rules of a run.
 *
 * @throws {ProtocolError} If the task is unknown or its code has changed.
 */
export async function computeTask(
  task: ComputeTask,
  signal: AbortSignal,
  io: ComputeIo,
): Promise<AttemptEnd | "declined"> {
  runtime ??= start(task.config as ComputeConfig, task.entry);
  if (task.forget) {
    keepDeclared(); // from anew
    made.clear();
    read.clear();
  }
  io.traces.begin();
  imported = false;
  const { job } = task;
  if (job && !await (await import("./job_task.ts")).readPayloads(runtime, job.dir, task)) return "declined";
  const artifact = await remakeArtifact(task, io);
  if (imported) io.traces.loaded();
  refuseLoadOnly(artifact);
  const { ino } = task;
  if (job && !await (await import("./job_task.ts")).areStored(runtime, artifact)) return "declined";
  if (ino === undefined) return await attempt(runtime, artifact, task, signal, io);
  return await attemptFirst(
    runtime,
    artifact,
    { id: task.attempt.id, ownerDir: task.ownerDir, ino },
    () => attempt(runtime!, artifact, task, signal, io),
    job?.queued,
  );
}

async function attempt(
  runtime: Runtime,
  artifact: Artifact,
  task: ComputeTask,
  signal: AbortSignal,
  io: ComputeIo,
): Promise<AttemptEnd> {
  return await computeAttempt(runtime, {
    artifact,
    attempt: task.attempt,
    ownerDir: task.ownerDir,
    context: { mode: "executor", runtime, node: artifact, spec: task.spec, signal },
    io: {
      signal,
      // The supervisor reads what this process prints, and writes the log.
      output: { write: (output) => writeAll(Deno.stderr, output) },
      onProgress: io.progress,
      warn: io.warn,
      timeLeftMs: () => io.timeLeftMs(),
      detachedPrograms: false,
      elsewhere: task.backend === "slurm-pool",
      traces: io.traces,
      onChecked: io.checked,
    },
    onThrown: io.thrown,
    ...(task.replace === undefined ? {} : { replaces: task.replace }),
    ...(task.run === undefined ? {} : { run: task.run }),
  });
}

function start(
  { config, git, slurm, code, atOnce }: ComputeConfig,
  entry: string | undefined,
): Runtime {
  const started = systemRuntime(config, { git, slurm, code, entry, atOnce });
  keepDeclared();
  refuseStrayCode(started);
  return started;
}

/**
 * Imports the modules of all tasks that are needed for the first time, and makes the artifact and all below
 * it.
 *
 * @throws {ProtocolError} If a task is unknown or its code has changed.
 */
async function remakeArtifact(
  task: Pick<ComputeTask, "root" | "entry" | "artifacts">,
  io: ComputeIo,
): Promise<Artifact> {
  const open = [task.root];
  const met = new Set<string>();
  for (let hash; (hash = open.pop()) !== undefined;) {
    if (made.has(hash) || met.has(hash)) continue;
    met.add(hash);
    const payload = task.artifacts.get(hash);
    if (payload) {
      const { name, module, params, kept } = payload;
      // What is only loaded may do without its code.
      if (!findTask(name) && !(kept && hash !== task.root && notLoadable.has(name))) {
        try {
          await ensureTask(name, module, embedded ?? task.entry, loaderOf(task.entry, io));
        } catch (error) {
          if (!kept || hash === task.root) throw error;
          notLoadable.add(name);
        }
      }
      read.set(hash, { name, params: JSON.parse(params), ...(kept ? { kept } : {}) });
      // Its text is of no use any more, and may be large.
      task.artifacts.delete(hash);
    }
    for (const below of references(read.get(hash)?.params)) open.push(below);
  }
  return decodeArtifact(task.root, read, findTask, made);
}

/** Names of tasks that nothing defines which this process can import. */
const notLoadable = new Set<string>();

/** Another machine may have unpacked it elsewhere: the entry that it names is not ours. */
const embedded = embeddedPipeline();

const loaderOf = (entry: string | undefined, { outside }: ComputeIo): TaskLoader => ({
  registryHas: (name: string): boolean => findTask(name) !== undefined,
  onImport: (): void => {
    imported = true;
  },
  importModule: async (url: string): Promise<unknown> => {
    furuGlobals().loadingModule = url;
    try {
      return await outside(() => importModule(url, entry));
    } finally {
      furuGlobals().loadingModule = undefined;
    }
  },
  singleFile: embedded !== undefined,
});
