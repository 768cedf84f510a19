import { didYouMean } from "../../core/nearest.ts";
import type { Partition } from "../client/parse_config.ts";
import type { ParsedSpec } from "../client/spec.ts";

/**
 * What the cluster could never give: sbatch takes some of it (a time above the partition's limit) and lets the job pend
 * for ever.
 *
 * @returns One line for each thing, as `spec 'gpu': partition 'gpu' allows 240 minutes, timeMin is 600`.
 */
export function checkPartitions(
  specs: Readonly<Record<string, ParsedSpec>>,
  partitions: readonly Partition[],
): string[] {
  return Object.entries(specs).flatMap(([name, spec]) =>
    faults(spec, partitions).map((fault) => `spec '${name}': ${fault}`)
  );
}

function faults(spec: ParsedSpec, partitions: readonly Partition[]): string[] {
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
  // Several may be named: Slurm takes the one where it begins first, so one that can do it is enough.
  const found = partitions.filter(({ name }) => asked.includes(name)).map((each) => limits(spec, each));
  return found.some((each) => each.length === 0) ? [] : found.flat();
}

function limits(spec: ParsedSpec, partition: Partition): string[] {
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
