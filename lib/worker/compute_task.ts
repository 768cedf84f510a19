import type { Config } from "../core/config.ts";
import { furuGlobals } from "../core/globals.ts";
import { embeddedPipeline } from "../core/packed.ts";
import { computeAttempt } from "../run/compute.ts";
import { refuseStrayCode } from "../run/context.ts";
import { systemRuntime } from "../run/default_runtime.ts";
import type { Outcome } from "../run/outcome.ts";
import type { Runtime } from "../run/runtime.ts";
import type { CodeVersion, GitState } from "../store/provenance.ts";
import type { SlurmJob } from "../store/record.ts";
import type { Artifact } from "../task/artifact.ts";
import { decodeArtifact, type EncodedArtifact, references } from "../task/reference.ts";
import { findTask } from "../task/registry.ts";
import type { ComputeIo, ComputeTask } from "./child.ts";
import { writeAll } from "../ui/write_all.ts";
import { ensureTask } from "./load_module.ts";

/** What a computing process is told once, when it starts. */
export interface ComputeConfig {
  /** The configuration of the run. */
  config: Config;
  /** What git said to the process that started the run; `null` for nothing. */
  git: GitState | null;
  /** The Slurm job that it runs in, for the records. */
  slurm?: SlurmJob;
  /** Which code it imports, where the run keeps it. */
  code?: CodeVersion;
}

/** So many artifacts are kept for the tasks to come. */
const MAX_MADE = 100_000;

let runtime: Runtime | undefined;
/** Was code imported for the task that runs? */
let imported = false;
const made = new Map<string, Artifact>();

/**
 * Makes an attempt in a computing process: finds the task's code, makes the artifact again from its parameters, and
 * computes under the rules of a run.
 *
 * @throws {ProtocolError} when the task is unknown or its code has changed.
 */
export async function computeTask(task: ComputeTask, signal: AbortSignal, io: ComputeIo): Promise<Outcome> {
  runtime ??= start(task.config as ComputeConfig);
  if (made.size > MAX_MADE) made.clear();
  io.traces.begin();
  imported = false;
  const artifact = await makeArtifact(task);
  if (imported) io.traces.loaded();
  return await computeAttempt(runtime, {
    artifact,
    attempt: task.attempt,
    context: { mode: "executor", runtime, node: artifact, stack: [artifact], spec: task.spec, signal },
    io: {
      signal,
      // The supervisor reads what this process prints, and writes the log.
      output: { write: (output) => writeAll(Deno.stderr, output) },
      onProgress: io.progress,
      detachedPrograms: false,
      traces: io.traces,
    },
    ...(task.replace === undefined ? {} : { replaces: task.replace }),
    ...(task.run === undefined ? {} : { run: task.run }),
  });
}

function start({ config, git, slurm, code }: ComputeConfig): Runtime {
  const started = systemRuntime(config, { git, slurm, code });
  refuseStrayCode(started);
  return started;
}

/**
 * Imports the modules of all tasks that are needed for the first time, and makes the artifact and all below it.
 *
 * @throws {ProtocolError} when a task is unknown or its code has changed.
 */
export async function makeArtifact(
  task: Pick<ComputeTask, "root" | "entry" | "artifacts">,
): Promise<Artifact> {
  const table: Record<string, EncodedArtifact> = {};
  const open = [task.root];
  for (let hash; (hash = open.pop()) !== undefined;) {
    const payload = task.artifacts.get(hash);
    if (!payload || made.has(hash) || Object.hasOwn(table, hash)) continue;
    const { name, module, params } = payload;
    if (!findTask(name)) await ensureTask(name, module, embedded ?? task.entry, loader);
    const encoded = table[hash] = { name, params: JSON.parse(params) };
    for (const below of references(encoded.params)) open.push(below);
  }
  return decodeArtifact(task.root, table, findTask, made);
}

/** Another machine may have unpacked it elsewhere: the entry that it names is not ours. */
const embedded = embeddedPipeline();

const loader = {
  registryHas: (name: string): boolean => findTask(name) !== undefined,
  onImport: (): void => {
    imported = true;
  },
  importModule: async (url: string): Promise<unknown> => {
    furuGlobals().loadingModule = url;
    try {
      return await import(url);
    } finally {
      furuGlobals().loadingModule = undefined;
    }
  },
  singleFile: Deno.build.standalone || embedded !== undefined,
};
