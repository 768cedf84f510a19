import { ConfigError, ValidationError } from "../../core/errors.ts";
import { artifactLabel, type Hash } from "../../core/hash.ts";
import { checkWord } from "../../core/names.ts";
import { usableMs } from "../../core/system/stop_time.ts";
import { didYouMean } from "../../core/nearest.ts";
import type { RunRecord } from "../../remote/run_record.ts";
import type { Partition } from "../client/parse_config.ts";
import { signalLeadSec } from "../client/job_time.ts";
import { needsFromStart, type NodeSpecs } from "../../remote/node_specs.ts";
import { nextSpec, specsOn } from "../../task/ladder.ts";
import { growSpecs } from "./grown_specs.ts";
import { type ParsedSpec, type SlurmSpec, slurmSpecSchema } from "../client/spec.ts";

/** The specs of a run by name. */
export interface SlurmSpecs {
  /** The spec of tasks that name none. */
  default: SlurmSpec;
  /** Any other one. */
  [name: string]: SlurmSpec;
}

/** A node as far as its specs are checked. */
export interface LimitedNode extends NodeSpecs {
  /** The artifact. */
  readonly hash: Hash;
  /** Its task's name. */
  readonly name: string;
  /** How long an attempt may take, in seconds. */
  readonly timeLimitSec?: number | undefined;
}

/**
 * Checks specs, wherever they come from, before anything is submitted.
 *
 * @param specs By their names.
 * @param needed The names of the tasks that need each spec.
 * @returns The specs with their defaults filled in.
 * @throws {ConfigError} With all that is wrong: the values, the field and what is allowed; a missing spec
 * with the tasks that need it.
 * @throws {ValidationError} For a spec whose name cannot be a folder.
 */
export function checkSpecs(
  specs: unknown,
  needed: ReadonlyMap<string, readonly string[]> = new Map(),
): Record<string, ParsedSpec> {
  const { parsed, faults } = parseSpecs(specs);
  const names = Object.keys(specs as SlurmSpecs);
  const has = names.length === 0 ? "there are none" : `there are ${names.join(", ")}`;
  if (!names.includes("default")) faults.push(`spec 'default' is missing: ${has}`);
  for (const [name, tasks] of needed) {
    if (name === "default" || names.includes(name) || Object.hasOwn(parsed, name)) continue;
    faults.push(`spec '${name}' is missing, needed by ${tasks.join(", ")}: ${has}${didYouMean(name, names)}`);
  }
  if (faults.length > 0) throw new ConfigError(refusal(faults));
  return parsed;
}

/**
 * The specs of a run, as its record has them.
 *
 * @throws {ConfigError} If they are none.
 */
export function runSpecs({ specs, runId }: Pick<RunRecord, "specs" | "runId">): Record<string, ParsedSpec> {
  const { parsed, faults } = parseSpecs(specs);
  if (faults.length > 0) throw new ConfigError(`Cannot use run ${runId}: ${refusal(faults)}`);
  return parsed;
}

/**
 * The specs that nodes need, checked against these nodes.
 *
 * @throws {ConfigError} With all that is wrong.
 */
export function neededSpecs(
  specs: unknown,
  nodes: readonly (NodeSpecs & Pick<LimitedNode, "name">)[],
): Record<string, ParsedSpec> {
  const needed = new Map<string, string[]>();
  for (const node of nodes) {
    for (const spec of specsOn(needsFromStart(node))) {
      const tasks = needed.get(spec) ?? [];
      if (!tasks.includes(node.name)) tasks.push(node.name);
      needed.set(spec, tasks);
    }
  }
  if (typeof specs === "object" && specs !== null && Object.keys(specs).length === 0) {
    throw new ConfigError(
      `Cannot run on Slurm as there are no specs, needed are ${
        [...new Set(["default", ...needed.keys()])].join(", ")
      }: ` +
        `give 'specs', or "slurm": { "specs": { "default": { "timeMin": 60 } } } in furu.json`,
    );
  }
  const parsed = checkSpecs(specs, needed);
  return Object.fromEntries(Object.entries(parsed).filter(([name]) => needed.has(name)));
}

/**
 * Finds what the cluster could never give: sbatch takes some of it (a time above the partition's limit) and
 * lets the job pend for ever.
 *
 * @returns One line for each thing, as `spec 'gpu': partition 'gpu' has at most 240 minutes, timeMin is 600`.
 */
export function checkPartitions(
  specs: Readonly<Record<string, ParsedSpec>>,
  partitions: readonly Partition[],
): string[] {
  return Object.entries(specs).flatMap(([name, spec]) =>
    partitionFaults(spec, partitions).map((fault) => `spec '${name}': ${fault}`)
  );
}

/**
 * Refuses tasks that no worker could ever finish: each worker would put them back.
 *
 * @throws {ConfigError} With one task of each name for each spec.
 */
export function checkTimeLimits(
  nodes: readonly LimitedNode[],
  specs: Readonly<Record<string, Pick<ParsedSpec, "timeMin">>>,
): void {
  const faults = new Map<string, string>();
  const lastOf = (node: LimitedNode): string[] =>
    specsOn(needsFromStart(node)).filter((spec) => nextSpec(node.ladder, spec, "time") === undefined);
  const each = nodes.filter(({ timeLimitSec }) => timeLimitSec !== undefined)
    .flatMap((node) => lastOf(node).map((spec) => ({ ...node, spec })));
  for (const { name, hash, spec, timeLimitSec } of each) {
    const { timeMin } = specs[spec] ?? {};
    if (timeMin === undefined || timeLimitSec === undefined || faults.has(`${name} ${spec}`)) continue;
    const most = Math.floor(usableMs(timeMin * 60_000, signalLeadSec(timeMin) * 1000) / 1000);
    if (timeLimitSec <= most) continue;
    faults.set(
      `${name} ${spec}`,
      `${
        artifactLabel(name, hash)
      } may take ${timeLimitSec} s (timeLimit), a job of spec '${spec}' has ${most} s for it: its ` +
        `timeMin is ${timeMin}, and Slurm may say up to ${timeMin * 60 - most} s before its end that it ends`,
    );
  }
  if (faults.size === 0) return;
  throw new ConfigError(
    `Cannot use Slurm specs as their workers have too little time:${lines([...faults.values()])}`,
  );
}

/**
 * Refuses a limit for a spec that there is none of: a misspelt one would let its spec have as many workers as
 * any.
 *
 * @param maxWorkers The limit in all, or those by spec.
 * @param known Names of specs: those that are given, and those that tasks need.
 * @throws {ValidationError} Naming it, and those that there are.
 */
export function checkMaxWorkers(
  maxWorkers: number | Readonly<Record<string, number>> | undefined,
  known: Iterable<string>,
): void {
  if (typeof maxWorkers !== "object") return;
  const names = [...new Set(["default", ...known])];
  for (const name of Object.keys(maxWorkers)) {
    if (names.includes(name)) continue;
    throw new ValidationError(
      `Cannot use maxWorkers.${name} as there is no spec of that name${didYouMean(name, names)}: there are ${
        names.join(", ")
      }`,
    );
  }
}

function parseSpecs(specs: unknown): { parsed: Record<string, ParsedSpec>; faults: string[] } {
  if (typeof specs !== "object" || specs === null || Array.isArray(specs)) {
    throw new ConfigError(
      `Cannot use Slurm specs as they must be an object with one spec for each name: they are ${
        Deno.inspect(specs, { depth: 1 })
      }`,
    );
  }
  const grown = growSpecs(specs as Record<string, unknown>);
  const faults = [...grown.faults];
  const parsed: Record<string, ParsedSpec> = {};
  for (const [name, spec] of Object.entries(grown.specs)) {
    checkWord("spec", name);
    const result = slurmSpecSchema.safeParse(spec, { reportInput: true });
    if (result.success) parsed[name] = result.data;
    // What a function came to is more than any cluster has.
    else if (!grown.byFunction.has(name)) {
      faults.push(...result.error.issues.map((issue) => `spec '${name}'${faultText(issue)}`));
    }
  }
  return { parsed, faults };
}

function refusal(faults: readonly string[]): string {
  return faults.length === 1
    ? `Cannot use Slurm specs: ${faults[0]}`
    : `Cannot use Slurm specs:${lines(faults)}`;
}

function lines(faults: readonly string[]): string {
  return faults.map((fault) => `\n  ${fault}`).join("");
}

function faultText(issue: { code?: string; path: PropertyKey[]; message: string; input?: unknown }): string {
  const place = issue.path.map((key) => `.${String(key)}`).join("");
  const message = issue.message.replace(/^Invalid input: /, "");
  if (issue.code === "unrecognized_keys" || issue.code === "custom" && issue.path[0] === "extra") {
    return `${place}: ${message}`;
  }
  return `${place}: ${message}: current value is ${Deno.inspect(issue.input, { depth: 1 })}`;
}

function partitionFaults(spec: ParsedSpec, partitions: readonly Partition[]): string[] {
  const names = partitions.map(({ name }) => name);
  const asked = spec.partition?.split(",") ??
    partitions.filter(({ isDefault }) => isDefault).map(({ name }) => name);
  // sbatch refuses the whole list where one of it is not there.
  const absent = asked.filter((name) => !names.includes(name));
  if (absent.length > 0) {
    return absent.map((name) =>
      `there is no partition '${name}': there are ${names.join(", ")}${didYouMean(name, names)}`
    );
  }
  // Several may be named: Slurm takes the one where the job begins first, so one that can run it is enough.
  const found = partitions.filter(({ name }) => asked.includes(name)).map((each) => limitFaults(spec, each));
  return found.some((each) => each.length === 0) ? [] : found.flat();
}

function limitFaults(spec: ParsedSpec, partition: Partition): string[] {
  const found: string[] = [];
  const check = (most: number | undefined, asked: number, unit: string, field: string) => {
    if (most === undefined || asked <= most) return;
    found.push(`partition '${partition.name}' has at most ${Math.floor(most)} ${unit}, ${field} is ${asked}`);
  };
  check(partition.maxMinutes, spec.timeMin, "minutes", "timeMin");
  check(partition.nodes, spec.nodes, "nodes", "nodes");
  check(partition.cpus, spec.cpus, "cores on a node", "cpus");
  check(partition.memoryMb / 1024, spec.memGb ?? 0, "GiB on a node", "memGb");
  check(partition.gpus, spec.gpus, "GPUs on a node", "gpus");
  return found;
}
