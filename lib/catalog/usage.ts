import { errorText } from "../core/errors.ts";
import type { Hash } from "../core/hash.ts";
import { type Spread, spreadOf } from "../task/artifact/spread.ts";
import { queuePaths } from "../queue/layout.ts";
import { readRunHead } from "../remote/run_record.ts";
import { artifactPaths } from "../store/layout.ts";
import { readEnds } from "../store/results/ends.ts";
import { concernsOneArtifact, type Store } from "../store/store.ts";
import type { FoundArtifact } from "./find_artifacts.ts";
import type { ArtifactEntry } from "./read_entries.ts";

/** What one attempt took. */
export interface Attempt {
  /** Whether its result was stored. */
  readonly succeeded: boolean;
  /** The spec that it was computed by. */
  readonly spec?: string | undefined;
  /** The run that it was computed in. */
  readonly run?: string | undefined;
  /** When it ended. ISO 8601. */
  readonly at?: string | undefined;
  /** Milliseconds. */
  readonly durationMs?: number | undefined;
  /** Seconds of processor time. */
  readonly cpuSec?: number | undefined;
  /** The seconds among them of programs. */
  readonly programsCpuSec?: number | undefined;
  /** Bytes of memory of its process at most. */
  readonly peakMemoryBytes?: number | undefined;
}

/** The part of a spec that is about resources. */
export interface ResourceSpec {
  /** GiB of memory. */
  readonly memGb?: number | undefined;
  /** Minutes of a job. */
  readonly timeMin?: number | undefined;
  /** Processors. */
  readonly cpus?: number | undefined;
}

/** What the attempts of a task by a spec took. Names of fields are those of `--json`, and stay. */
export interface ResourceUsage {
  /** The task's name. */
  readonly task: string;
  /** The spec, where it is known: `get` has none. */
  readonly spec?: string | undefined;
  /** The number of attempts. */
  readonly attempts: number;
  /** The number of those that did not succeed. */
  readonly failed: number;
  /** Milliseconds. */
  readonly durationMs?: Spread | undefined;
  /** Bytes of memory of the computing process. */
  readonly peakMemoryBytes?: Spread | undefined;
  /** Seconds of processor time. */
  readonly cpuSec?: Spread | undefined;
  /** Processors that were busy on average. */
  readonly cpus?: Spread | undefined;
  /** Whether programs computed, too: nobody knows their memory. */
  readonly programs: boolean;
  /** What the spec asked for in the latest run on Slurm. */
  readonly asked?: ResourceSpec | undefined;
  /** What would do for one attempt. */
  readonly wouldDo: ResourceSpec;
}

/** What is asked for beyond what was seen. */
const MARGIN = 1.2;
/** So much of a processor is no reason to ask for one more. */
const NO_PROCESSOR = 0.25;
/** Of shorter attempts, in milliseconds, it is not told how many processors were busy: ticks are 10 ms. */
const LEAST_MS = 100;

/**
 * Sums up what attempts took.
 *
 * @param asked What the spec asked for.
 */
export function usageOf(
  { task, spec, attempts, asked }: Pick<ResourceUsage, "task" | "spec" | "asked"> & {
    attempts: readonly Attempt[];
  },
): ResourceUsage {
  const durationMs = spreadOf(attempts, (each) => each.durationMs);
  const peakMemoryBytes = spreadOf(attempts, (each) => each.peakMemoryBytes);
  const cpuSec = spreadOf(attempts, (each) => each.cpuSec);
  const cpus = spreadOf(
    attempts,
    ({ cpuSec, durationMs = 0 }) =>
      cpuSec === undefined || durationMs < LEAST_MS ? undefined : round(cpuSec / (durationMs / 1000)),
  );
  const wouldDo: ResourceSpec = {
    ...(peakMemoryBytes && { memGb: Math.ceil(peakMemoryBytes.most * MARGIN / 2 ** 30) }),
    ...(durationMs && { timeMin: Math.max(1, Math.ceil(durationMs.most * MARGIN / 60_000)) }),
    ...(cpus && { cpus: Math.max(1, Math.ceil(cpus.p95 - NO_PROCESSOR)) }),
  };
  return {
    task,
    ...(spec === undefined ? {} : { spec }),
    attempts: attempts.length,
    failed: attempts.filter(({ succeeded }) => !succeeded).length,
    ...(durationMs && { durationMs }),
    ...(peakMemoryBytes && { peakMemoryBytes }),
    ...(cpuSec && { cpuSec }),
    ...(cpus && { cpus }),
    programs: attempts.some(({ programsCpuSec = 0 }) => programsCpuSec > 0),
    ...(asked && { asked }),
    wouldDo,
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/**
 * The attempts of artifacts, as far as they left word of themselves.
 *
 * @param onFault Told what cannot be read.
 */
export async function attemptsOf(
  store: Store,
  found: readonly FoundArtifact[],
  entries: readonly ArtifactEntry[],
  onFault: (text: string) => void,
): Promise<Map<string, Attempt[]>> {
  const homes = new Set(found.filter(({ hasHome }) => hasHome).map(({ name, hash }) => `${name} ${hash}`));
  const byTask = new Map<string, Attempt[]>();
  for (const entry of entries) {
    const { name, hash } = entry;
    const attempts = byTask.get(name) ?? [];
    byTask.set(name, attempts);
    if (entry.status === "DONE") attempts.push({ ...entry, succeeded: true });
    if (!homes.has(`${name} ${hash}`)) continue;
    try {
      for (const end of await readEnds(store, artifactPaths(store.root, { name, hash: hash as Hash }))) {
        attempts.push({ ...end, at: end.endedAt, succeeded: false });
      }
    } catch (error) {
      if (!concernsOneArtifact(error)) throw error;
      onFault(errorText(error));
    }
  }
  return byTask;
}

/** What runs on Slurm ask for by their specs. Each run is read once; what cannot be read tells nothing. */
export class RunSpecs {
  readonly #store: Store;
  readonly #runs = new Map<string, Promise<Readonly<Record<string, unknown>>>>();

  /** Reads nothing yet. */
  constructor(store: Store) {
    this.#store = store;
  }

  /** The spec of an attempt: of an older record the only one of its run, where it has one. */
  async specOf({ spec, run }: Attempt): Promise<string | undefined> {
    if (spec !== undefined || run === undefined) return spec;
    const names = Object.keys(await this.#specs(run));
    return names.length === 1 ? names[0] : undefined;
  }

  /** What a spec asked for in the latest run of these attempts that says it. */
  async asked(spec: string, attempts: readonly Attempt[]): Promise<ResourceSpec | undefined> {
    const latest = attempts.toSorted((a, b) => (a.at ?? "") < (b.at ?? "") ? 1 : -1);
    for (const run of new Set(latest.flatMap(({ run }) => run ?? []))) {
      const found = (await this.#specs(run))[spec];
      if (typeof found !== "object" || found === null) continue;
      const { memGb, timeMin, cpus } = found as Record<string, unknown>;
      return { ...numberOf("memGb", memGb), ...numberOf("timeMin", timeMin), ...numberOf("cpus", cpus) };
    }
    return undefined;
  }

  #specs(run: string): Promise<Readonly<Record<string, unknown>>> {
    // Other runs leave no record.
    if (/^(get|local)-/.test(run)) return Promise.resolve({});
    const before = this.#runs.get(run);
    if (before) return before;
    const reading = this.#read(run);
    this.#runs.set(run, reading);
    return reading;
  }

  async #read(run: string): Promise<Readonly<Record<string, unknown>>> {
    try {
      return (await readRunHead({ store: this.#store }, queuePaths(this.#store.root, run))).specs;
    } catch {
      return {};
    }
  }
}

function numberOf(key: keyof ResourceSpec, value: unknown): ResourceSpec {
  return typeof value === "number" ? { [key]: value } : {};
}
