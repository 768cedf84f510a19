/** Options of sbatch that a field of the spec is for. */
const FIELD_OF: Readonly<Record<string, string>> = {
  "clusters": "cluster",
  "partition": "partition",
  "account": "account",
  "qos": "qos",
  "constraint": "constraint",
  "cpus-per-task": "cpus",
  "mem": "memGb",
  "time": "timeMin",
  "nodes": "nodes",
  "exclude": "exclude",
};

/** Options by which furu itself submits and follows its jobs, and why they are not the user's. */
const FURU_SETS: Readonly<Record<string, string>> = {
  "job-name": "jobs are found again by their name",
  "output": "furu keeps the logs",
  "error": "furu keeps the logs",
  "input": "a worker has no standard input",
  "open-mode": "furu keeps the logs",
  "array": "furu makes the arrays",
  "dependency": "dependencies come from the pipeline",
  "kill-on-invalid-dep": "dependencies come from the pipeline",
  "parsable": "furu reads what sbatch prints",
  "quiet": "furu reads what sbatch prints",
  "export-file": "jobs get the environment of the submitter; use 'export' or 'setup'",
  "requeue": "furu decides what is requeued",
  "no-requeue": "furu decides what is requeued",
  "signal": "furu asks for its own warning before the time limit",
  "wait": "furu follows its jobs",
  "wrap": "furu has a script of its own",
  "chdir": "workers start where the run was started",
  "test-only": "nothing would be submitted",
  "help": "nothing would be submitted",
  "usage": "nothing would be submitted",
  "version": "nothing would be submitted",
};

/**
 * What furu gives by itself, or by a field with a default, and a site may not want: `false` leaves it out.
 */
const MAY_GO = new Set([
  "nodes",
  "cpus-per-task",
  "export",
  "input",
  "open-mode",
  "comment",
  "requeue",
  "no-requeue",
]);

/** Options that say the same as a field in another way; together with it sbatch refuses them, or one wins. */
const GPU_OPTIONS = ["gpus", "gpus-per-node", "gpus-per-socket", "gpus-per-task", "gres", "tres-per-node"];
const MEMORY_OPTIONS = ["mem-per-cpu", "mem-per-gpu"];

/** One-letter options: the long name must be written, so that each has one name here. */
const LETTERS: Readonly<Record<string, string>> = {
  A: "account",
  a: "array",
  b: "begin",
  C: "constraint",
  c: "cpus-per-task",
  D: "chdir",
  d: "dependency",
  e: "error",
  G: "gpus",
  H: "hold",
  J: "job-name",
  L: "licenses",
  M: "clusters",
  m: "distribution",
  N: "nodes",
  n: "ntasks",
  o: "output",
  p: "partition",
  q: "qos",
  t: "time",
  W: "wait",
  w: "nodelist",
  x: "exclude",
};

/** Which fields are given that have other ways of saying the same. */
export interface GivenFields {
  /** GPUs. */
  gpus: boolean;
  /** Memory. */
  memory: boolean;
}

/**
 * Checks `extra`.
 *
 * @param given Which fields with other ways of saying it are given.
 * @returns What is wrong, by name.
 */
export function checkExtra(
  extra: Readonly<Record<string, unknown>>,
  given: GivenFields,
): [name: string, fault: string][] {
  return Object.entries(extra).flatMap(([name, value]) => {
    if (value === false && MAY_GO.has(name)) return [];
    const fault = faultOf(name, given);
    return fault === undefined ? [] : [[name, fault]];
  });
}

function faultOf(name: string, given: GivenFields): string | undefined {
  const long = name.replace(/^-+/, "").replaceAll("_", "-");
  const known = LETTERS[long] ?? long;
  // In sbatch's own words it can say more than the field: 8000M, or all of a node.
  if (name === "mem" && !given.memory) return undefined;
  const fixed = ownFault(known);
  if (fixed !== undefined) return fixed;
  if (given.gpus && GPU_OPTIONS.includes(known)) return "cannot be given beside the field 'gpus'";
  if (given.memory && MEMORY_OPTIONS.includes(known)) return "cannot be given beside the field 'memGb'";
  if (known !== name) return `must be a long option of sbatch without its dashes: did you mean '${known}'?`;
  if (/^[a-z][a-z0-9]+(-[a-z0-9]+)*$/.test(name)) return undefined;
  return "must be a long option of sbatch without its dashes, as 'reservation'";
}

function ownFault(name: string): string | undefined {
  if (name === "export") return undefined;
  // sbatch takes any unambiguous beginning for the whole: `out` is `output`. None of these but `export` is a
  // whole name of another.
  const meant = [...Object.keys(FIELD_OF), ...Object.keys(FURU_SETS)].find((option) =>
    option === name || (name.length > 1 && option.startsWith(name) && !GPU_OPTIONS.includes(name))
  );
  if (meant === undefined) return undefined;
  const field = FIELD_OF[meant];
  const words = field !== undefined
    ? `is what the field '${field}' is for: use '${field}'`
    : `is set by furu itself: ${FURU_SETS[meant]}`;
  return MAY_GO.has(meant) ? `${words}; only false is allowed here, which leaves it out` : words;
}
