import { z } from "zod";
import { didYouMean } from "../../core/nearest.ts";
import { isClusterName } from "./environment.ts";
import { checkExtra } from "./extra_options.ts";

/**
 * A number of a spec that may grow with the attempt: of several the first, and the next one for an attempt
 * after one that had too little; of a function what it returns, as long as that grows, for attempts 1 to 5.
 */
export type GrowingNumber = number | readonly number[] | ((attempt: { attempt: number }) => number);

/** The kind of job that a task needs. */
export interface SlurmSpec {
  /**
   * The cluster that its jobs are sent to (`sbatch -M`), where the site has several that a database knows.
   *
   * @default {the run's: `cluster` of the run, `SLURM_CLUSTERS` of the shell, else the machine's own}
   */
  cluster?: string | undefined;
  /**
   * The partition.
   *
   * @default {the cluster's own}
   */
  partition?: string | undefined;
  /**
   * The account that pays.
   *
   * @default {the user's own}
   */
  account?: string | undefined;
  /**
   * The quality of service.
   *
   * @default {the account's own}
   */
  qos?: string | undefined;
  /**
   * Features that nodes must have, as `"a100|h100"`.
   *
   * @default {none}
   */
  constraint?: string | undefined;
  /**
   * The number of GPUs on each node.
   *
   * @default {0}
   */
  gpus?: number | undefined;
  /**
   * The number of cores.
   *
   * @default {1}
   */
  cpus?: number | undefined;
  /**
   * Gigabytes (GiB) of memory on each node; 0 for all that a node has. V8's heap gets what the processes
   * leave of it, unless `maxHeapMb` says how much. Several, or a function, for attempts after too little.
   *
   * @default {the partition's own}
   */
  memGb?: GrowingNumber | undefined;
  /**
   * Minutes until Slurm ends the job. Several, or a function, for attempts after too little.
   *
   * @default {60}
   */
  timeMin?: GrowingNumber | undefined;
  /**
   * The number of nodes.
   *
   * @default {1}
   */
  nodes?: number | undefined;
  /**
   * Nodes that are not to be used, as `"node[1-3],node7"`.
   *
   * @default {none}
   */
  exclude?: string | undefined;
  /**
   * Lines of shell to run before the worker, as `"module load cuda"`. One that fails fails the job.
   *
   * @default {none}
   */
  setup?: string[] | undefined;
  /**
   * Other long options of sbatch: `{ reservation: "tutorial", exclusive: true }`. `false` leaves one out,
   * also one that furu gives by itself and a site does not want: `nodes`, `cpus-per-task`, `export`, `input`,
   * `open-mode`, `comment`, `requeue` (with `no-requeue`).
   *
   * @default {none}
   */
  extra?: Record<string, string | number | boolean> | undefined;
}

/** One size of a {@link SlurmSpec}. */
interface SpecOfOneSize extends Omit<SlurmSpec, "memGb" | "timeMin"> {
  memGb?: number | undefined;
  timeMin?: number | undefined;
}

/** One size of a {@link SlurmSpec} that was checked, with its defaults. */
export interface ParsedSpec extends SpecOfOneSize {
  gpus: number;
  cpus: number;
  timeMin: number;
  nodes: number;
  setup: string[];
  extra: Record<string, string | number | boolean>;
}

/** A value of an option: some text in one line. */
const word = z.string().refine((text) => text.trim() !== "" && !hasControl(text), {
  error: "must be some text in one line",
});

const fields = {
  cluster: z.string().refine(isClusterName, {
    error: "must be the name of one cluster, since a job is looked up where it is: a spec for each",
  }).optional().describe("The cluster, where there are several (sbatch -M)"),
  partition: word.optional().describe("The partition"),
  account: word.optional().describe("The account that pays"),
  qos: word.optional().describe("The quality of service"),
  constraint: word.optional().describe("Features that nodes must have, as a100|h100"),
  gpus: z.int().min(0).max(1024).default(0).describe("GPUs on each node"),
  cpus: z.int().min(1).max(65_536).default(1).describe("Cores"),
  memGb: z.number().nonnegative().max(1_000_000).optional().describe(
    "Gigabytes of memory on each node; 0 for all of it",
  ),
  timeMin: z.int().min(1).max(366 * 24 * 60).default(60).describe("Minutes until Slurm ends the job"),
  nodes: z.int().min(1).max(100_000).default(1).describe("Nodes"),
  exclude: word.optional().describe("Nodes that are not to be used, as node[1-3],node7"),
  setup: z.array(
    z.string().refine((text) => text.trim() !== "" && !text.includes("\0"), {
      error: "must be a line of shell",
    }),
  ).default(() => []).describe("Lines of shell to run before the worker, as module load cuda"),
  extra: z.record(z.string(), z.union([word, z.number(), z.boolean()])).default(() => ({}))
    .describe("Other long options of sbatch; false leaves one out that furu gives by itself"),
};

const SPEC_FIELDS: readonly string[] = Object.keys(fields);

/**
 * Checks one size of a {@link SlurmSpec}: unknown fields, impossible values, and options that furu itself
 * sets, are refused.
 */
export const slurmSpecSchema: z.ZodType<ParsedSpec, SpecOfOneSize> = z.strictObject(fields, {
  error: (issue) => issue.code === "unrecognized_keys" ? unknownFields(issue.keys as string[]) : undefined,
}).superRefine(({ extra, gpus, memGb }, context) => {
  for (const [key, fault] of checkExtra(extra, { gpus: gpus > 0, memory: memGb !== undefined })) {
    context.addIssue({ code: "custom", path: ["extra", key], message: fault });
  }
});

/** An option of sbatch: its long name, and its value. Neither `undefined` nor `false` is given. */
export type SbatchOption = readonly [name: string, value: string | number | boolean | undefined];

/**
 * What sbatch is given for a spec. Nothing here is left to the user's environment that would make a worker
 * something else: it is one process on `nodes` nodes with `cpus` cores.
 *
 * @param spec The spec. What its `extra` has replaces, or leaves out, what would be given otherwise.
 * @param own Options besides those of the spec.
 * @default {none}
 */
export function sbatchOptions(spec: ParsedSpec, own: readonly SbatchOption[] = []): string[] {
  const { extra } = spec;
  const options: SbatchOption[] = [
    ["partition", spec.partition],
    ["account", spec.account],
    ["qos", spec.qos],
    ["constraint", spec.constraint],
    ["nodes", spec.nodes],
    ["cpus-per-task", spec.cpus],
    // Unlike --gpus this works with every plugin that selects resources.
    ["gres", spec.gpus > 0 ? `gpu:${spec.gpus}` : undefined],
    ["mem", memoryOption(spec)],
    ["time", spec.timeMin],
    ["exclude", spec.exclude],
    ...own,
  ];
  const given = [...options.filter(([name]) => !(name in extra)), ...Object.entries(extra)];
  return given.flatMap(([name, value]) => {
    if (value === undefined || value === false) return [];
    return [value === true ? `--${name}` : `--${name}=${value}`];
  });
}

/** To Slurm 0 is all the memory that a node has. */
function memoryOption({ memGb }: ParsedSpec): string | undefined {
  if (memGb === undefined) return undefined;
  return memGb === 0 ? "0" : `${Math.ceil(memGb * 1024)}M`;
}

function unknownFields(keys: readonly string[]): string {
  const [key = ""] = keys;
  // The names that sbatch has for what has a field.
  return `unknown key '${key}'${didYouMean(key, SPEC_FIELDS)}; allowed are ${SPEC_FIELDS.join(", ")}` +
    " (and in 'extra' any other option of sbatch)";
}

function hasControl(text: string): boolean {
  // deno-lint-ignore no-control-regex -- those are what is looked for
  return /[\x00-\x1f\x7f]/.test(text);
}
