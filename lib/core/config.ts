import { join } from "@std/path/posix/join";
import { z } from "zod";
import { ConfigError } from "./errors.ts";
import { furuGlobals } from "./globals.ts";
import { type ConfigOptions, unknownOption } from "./options.ts";
import { currentFolder, projectFolder, realFolder, settingPath, startFolder } from "./paths.ts";
import { permissionError } from "./permissions.ts";

export type { ConfigOptions, ForcedTasks, SlurmSettings } from "./options.ts";

// Forms are made when something is to be checked: making all of them takes a start longer than reading all
// that is set.
const seconds = () => z.number().positive();
const count = () => z.int().nonnegative();

const forms = {
  root: () => z.string().min(1),
  slurmRoot: () => z.string().min(1),
  retryFailed: () => z.boolean(),
  recomputeDamaged: () => z.boolean(),
  maxComputeRetries: count,
  maxPreemptRetries: count,
  alwaysRerun: () => z.union([z.literal("ALL"), z.array(z.string())]),
  leaseSec: seconds,
  heartbeatSec: seconds,
  staleAfterSec: seconds,
  maxWaitSec: seconds,
  pollIntervalSec: seconds,
  maxCreates: () => z.int().positive(),
  maxHeapMb: () => z.int().min(16).max(16_777_216),
  maxTasksPerWorker: () => z.int().positive(),
  maxWorkerMb: () => z.int().positive(),
  logLevel: () => z.enum(["debug", "info", "warn", "error"]),
  recordGit: () => z.enum(["cached", "ignore", "uncached"]),
  slurm: () =>
    z.strictObject({
      specs: z.record(z.string(), z.unknown()).exactOptional(),
      squeueIntervalSec: z.number().positive().exactOptional(),
      nodesSubmit: z.boolean().exactOptional(),
      refusalSec: z.number().nonnegative().exactOptional(),
    }),
} satisfies Record<keyof ConfigOptions, () => z.ZodType>;

/** What has no default, or one that is known only where it is used. */
const OPEN = ["slurm", "maxCreates", "maxHeapMb", "maxTasksPerWorker", "maxWorkerMb"] as const;
type Open = typeof OPEN[number];

/** The configuration, resolved once and passed down. */
export type Config = Required<Omit<ConfigOptions, Open>> & Pick<ConfigOptions, Open>;

/** Checks a configuration that another process of the same run wrote down. */
export const configSchema: z.ZodType<Config> = z.lazy(() => {
  const all = Object.entries(forms).map(([name, form]) => {
    const made: z.ZodType = form();
    return [name, OPEN.some((each) => each === name) ? made.optional() : made];
  });
  // Added later than the others: a run that was begun before has none.
  const recomputeDamaged = forms.recomputeDamaged().default(false);
  return z.preprocess(withTodaysNames, z.strictObject({ ...Object.fromEntries(all), recomputeDamaged }));
}) as unknown as z.ZodType<Config>;

/** Options by their former names. They are errors, but in the records of runs that an earlier furu began. */
const RENAMED: Readonly<Record<string, string>> = {
  preemptMax: "maxPreemptRetries",
  intervalSec: "squeueIntervalSec",
};

const RENAMED_VARIABLES: Readonly<Record<string, string>> = { FURU_PREEMPT_MAX: "FURU_MAX_PREEMPT_RETRIES" };

/** A record's configuration with the names that its fields have now. */
function withTodaysNames(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [
      RENAMED[name] ?? name,
      name === "slurm" ? withTodaysNames(each) : each,
    ]),
  );
}

type Field = keyof ConfigOptions;

const VARIABLES: Record<string, { field: Field; parse: (text: string) => unknown; allowed: string }> = {
  FURU_PATH: { field: "root", parse: String, allowed: "a folder" },
  FURU_SLURM_PATH: { field: "slurmRoot", parse: String, allowed: "a folder" },
  FURU_RETRY_FAILED: { field: "retryFailed", parse: toBoolean, allowed: "1, 0, true or false" },
  FURU_RECOMPUTE_DAMAGED: {
    field: "recomputeDamaged",
    parse: toBoolean,
    allowed: "1, 0, true or false",
  },
  FURU_MAX_COMPUTE_RETRIES: { field: "maxComputeRetries", parse: toNumber, allowed: "a whole number from 0" },
  FURU_MAX_PREEMPT_RETRIES: { field: "maxPreemptRetries", parse: toNumber, allowed: "a whole number from 0" },
  FURU_ALWAYS_RERUN: {
    field: "alwaysRerun",
    parse: toNames,
    allowed: "task names with commas between, or ALL alone",
  },
  FURU_LEASE_SECS: { field: "leaseSec", parse: toNumber, allowed: "seconds above 0" },
  FURU_HEARTBEAT_SECS: { field: "heartbeatSec", parse: toNumber, allowed: "seconds above 0" },
  FURU_STALE_AFTER_SECS: { field: "staleAfterSec", parse: toNumber, allowed: "seconds above 0" },
  FURU_MAX_WAIT_SECS: { field: "maxWaitSec", parse: toNumber, allowed: "seconds above 0" },
  FURU_SLURM_REFUSAL_SECS: {
    field: "slurm",
    parse: (text) => ({ refusalSec: Number(text) }),
    allowed: "seconds from 0",
  },
  FURU_POLL_INTERVAL_SECS: { field: "pollIntervalSec", parse: toNumber, allowed: "seconds above 0" },
  FURU_MAX_CREATES: {
    field: "maxCreates",
    parse: toNumber,
    allowed: "a whole number from 1",
  },
  FURU_MAX_HEAP_MB: { field: "maxHeapMb", parse: toNumber, allowed: "megabytes, a whole number from 16" },
  FURU_MAX_TASKS_PER_WORKER: {
    field: "maxTasksPerWorker",
    parse: toNumber,
    allowed: "a whole number from 1",
  },
  FURU_MAX_WORKER_MB: { field: "maxWorkerMb", parse: toNumber, allowed: "megabytes, a whole number from 1" },
  FURU_LOG_LEVEL: {
    field: "logLevel",
    parse: (text) => text.toLowerCase(),
    allowed: "debug, info, warn or error",
  },
  FURU_RECORD_GIT: { field: "recordGit", parse: String, allowed: "cached, ignore or uncached" },
};

/**
 * Sets configuration for the whole process, above `furu.json` and the environment. Call it before anything
 * runs, at the top of the main module: what runs already keeps the configuration that it began with. Several
 * calls add up. Options of a single run are above it.
 *
 * @param options What to set.
 * @throws {ConfigError} If there is no such option, or its value is not allowed: names both, and what is
 * allowed.
 *
 * @example
 * ```ts
 * import { configure } from "@furu/furu";
 *
 * configure({ leaseSec: 60, maxPreemptRetries: 10 });
 * ```
 */
export function configure(options: ConfigOptions): void {
  const place = (field: string): string => `option '${field}' of configure()`;
  const parsed = withPaths(parseOptions(options, place), currentFolder, place);
  const globals = furuGlobals();
  globals.config = { ...globals.config as ConfigOptions | undefined, ...parsed };
}

/**
 * The configuration: defaults, then `furu.json`, then the environment, then `configure()`, then `overrides`.
 *
 * @throws {ConfigError} naming the variable or file, the value and what is allowed.
 */
export function resolveConfig(overrides: ConfigOptions = {}): Config {
  const project = projectFolder();
  const file = fromFile(project);
  const variables = fromEnvironment();
  const set: ConfigOptions = {
    ...furuGlobals().config as ConfigOptions | undefined,
    ...withPaths(parseOptions(overrides, optionPlace), currentFolder, optionPlace),
  };
  const options: ConfigOptions = { ...file, ...variables, ...set };
  // A variable is for one setting of several, and leaves the others as they are.
  if (variables.slurm) options.slurm = { ...file.slurm, ...variables.slurm, ...set.slurm };
  const root = realFolder(options.root ?? join(project, "furu-data"));
  const leaseSec = options.leaseSec ?? 120;
  const heartbeatSec = options.heartbeatSec ?? leaseSec / 3;
  if (heartbeatSec > leaseSec / 2) {
    throw new ConfigError(
      `Cannot use heartbeatSec (FURU_HEARTBEAT_SECS) ${heartbeatSec}: at most half of the lease of ${leaseSec} s is allowed`,
    );
  }
  return {
    retryFailed: true,
    recomputeDamaged: false,
    maxComputeRetries: 3,
    maxPreemptRetries: 5,
    alwaysRerun: [],
    staleAfterSec: 1800,
    maxWaitSec: 600,
    pollIntervalSec: 2,
    logLevel: "info",
    recordGit: "cached",
    ...options,
    leaseSec,
    heartbeatSec,
    root,
    slurmRoot: options.slurmRoot ?? join(root, "slurm"),
  };
}

const optionPlace = (field: string): string => `option '${field}'`;

/**
 * The options with absolute paths.
 *
 * @param base What relative ones start at.
 */
function withPaths(
  options: ConfigOptions,
  base: () => string,
  place: (field: string) => string,
): ConfigOptions {
  const absolute = { ...options };
  for (const key of ["root", "slurmRoot"] as const) {
    const text = options[key];
    if (text !== undefined) absolute[key] = settingPath(text, base, place(key), () => variable("HOME"));
  }
  return absolute;
}

function fromFile(dir: string): ConfigOptions {
  const path = join(dir, "furu.json");
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return {};
    if (error instanceof Deno.errors.NotCapable) throw permissionError("read the configuration", error);
    throw new ConfigError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`Cannot read ${path}: not JSON: ${(error as Error).message}`, { cause: error });
  }
  const place = (field: string): string => field === "" ? path : `'${field}' in ${path}`;
  // Folders in a file are meant from where the file is, whatever the current folder.
  return withPaths(parseOptions(json, place), () => dir, place);
}

function fromEnvironment(): ConfigOptions {
  for (const [former, name] of Object.entries(RENAMED_VARIABLES)) {
    if (variable(former)?.trim()) throw new ConfigError(`Cannot use ${former}: its name is ${name}`);
  }
  const options: Record<string, unknown> = {};
  for (const [name, { field, parse, allowed }] of Object.entries(VARIABLES)) {
    const text = variable(name)?.trim();
    if (text === undefined || text === "") continue;
    const parsed = forms[field]().safeParse(parse(text));
    if (!parsed.success) {
      throw new ConfigError(`Cannot use ${name}=${JSON.stringify(text)}: allowed is ${allowed}`);
    }
    options[field] = parsed.data;
  }
  const nameOf = (field: string): string =>
    Object.keys(VARIABLES).find((name) => VARIABLES[name]?.field === field) ?? field;
  return withPaths(options, startFolder, nameOf);
}

function parseOptions(value: unknown, place: (field: string) => string): ConfigOptions {
  const isObject = typeof value === "object" && value !== null;
  if (isObject && !Array.isArray(value) && Object.keys(value).length === 0) return {};
  const given = (Object.keys(forms) as Field[]).filter((field) => isObject && field in value);
  const parsed = z.strictObject(Object.fromEntries(given.map((field) => [field, forms[field]().optional()])))
    .safeParse(value, { jitless: true });
  if (parsed.success) {
    return Object.fromEntries(Object.entries(parsed.data).filter(([, v]) => v !== undefined));
  }
  const [issue] = parsed.error.issues;
  const field = issue?.path.join(".") ?? "";
  if (issue?.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    const known = Object.keys(field === "slurm" ? forms.slurm().shape : forms);
    const name = field === "" ? key : `${field}.${key}`;
    throw new ConfigError(`Cannot use ${place(name)}: ${unknownOption(key, known)}`);
  }
  const current = (value as Record<string, unknown> | null)?.[String(issue?.path[0] ?? "")] ?? value;
  throw new ConfigError(
    `Cannot use ${place(field)}: ${issue?.message}; current value is ${Deno.inspect(current)}`,
  );
}

function variable(name: string): string | undefined {
  try {
    return Deno.env.get(name);
  } catch {
    // Without --allow-env there is no environment; everything has a default.
    return undefined;
  }
}

function toNumber(text: string): number {
  return Number(text);
}

function toBoolean(text: string): boolean | string {
  const word = text.toLowerCase();
  if (["1", "true", "yes", "on"].includes(word)) return true;
  if (["0", "false", "no", "off"].includes(word)) return false;
  return text;
}

function toNames(text: string): string | string[] {
  const names = text.split(",").map((name) => name.trim()).filter((name) => name !== "");
  if (!names.includes("ALL")) return names;
  return names.length === 1 ? "ALL" : text;
}

/** Changes whenever {@link resolveConfig} may give something else: what was resolved is kept by it. */
export function configKey(): string {
  const parts = [furuGlobals().entry, JSON.stringify(furuGlobals().config)];
  for (const name in VARIABLES) parts.push(variable(name) ?? "");
  return parts.join("\n");
}
