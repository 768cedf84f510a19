import { join } from "@std/path/posix/join";
import { z } from "zod";
import { environmentVariable } from "./environment.ts";
import { ConfigError } from "./errors.ts";
import { furuGlobals } from "./globals.ts";
import { type ConfigOptions, unknownOption } from "./options.ts";
import { CONFIG_FILES, currentFolder, projectFolder, realFolder, settingPath, startFolder } from "./paths.ts";
import { permissionError } from "./permissions.ts";
import { mergeLimits } from "./settings/limits.ts";
import { parseCommentedJson } from "./settings/parse_commented_json.ts";
import { SETTING_VARIABLES } from "./settings/setting_variables.ts";
import {
  OPEN_SETTINGS,
  SETTING_DEFAULTS,
  SETTING_FORMS,
  type SettingName,
  slurmSettingsSchema,
} from "./settings/settings_schema.ts";

export type { ConfigOptions, ForcedTasks, SlurmSettings } from "./options.ts";

type Open = typeof OPEN_SETTINGS[number];

/** The configuration, resolved once and passed down. */
export interface Config extends Required<Omit<ConfigOptions, Open>>, Pick<ConfigOptions, Open> {
  /** Whether no failure is tried again, whatever tasks say: a run was asked for 0 retries itself. */
  noRetries?: true;
}

/** Checks a configuration that another process of the same run wrote down. */
export const configSchema: z.ZodType<Config> = z.lazy(() => {
  const forms = SETTING_FORMS satisfies Record<keyof ConfigOptions, () => z.ZodType>;
  const all = Object.entries(forms).map(([name, form]) => {
    const made: z.ZodType = form();
    return [name, OPEN_SETTINGS.some((each) => each === name) ? made.optional() : made];
  });
  // Added later than the others: a run that was begun before has none.
  const recomputeDamaged = SETTING_FORMS.recomputeDamaged().default(false);
  const noRetries = z.literal(true).optional();
  return z.preprocess(
    withTodaysNames,
    z.strictObject({ ...Object.fromEntries(all), recomputeDamaged, noRetries }),
  );
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
  globals.config = together(globals.config as ConfigOptions | undefined, parsed);
}

/** Where settings come from, the weakest first. */
interface ConfigLayers {
  /** The project's folder. */
  readonly project: string;
  /** The file, where there is one. */
  readonly path?: string | undefined;
  /** What the file says. */
  readonly file: ConfigOptions;
  /** What the environment says. */
  readonly variables: ConfigOptions;
  /** What `configure()`, and flags, have set. */
  readonly set: ConfigOptions;
}

/**
 * The configuration: defaults, then `furu.json`, then the environment, then `configure()`, then `overrides`.
 *
 * @throws {ConfigError} naming the variable or file, the value and what is allowed.
 */
export function resolveConfig(overrides: ConfigOptions = {}): Config {
  const layers = configLayers();
  const given = withPaths(parseOptions(overrides, optionPlace), currentFolder, optionPlace);
  return combine({ ...layers, set: together(layers.set, given) });
}

/**
 * The configuration of a run: what tasks say of their retries counts more than a default of the project, and
 * less than 0 retries that somebody asks for when starting a run.
 *
 * @param overrides The options of the run.
 * @throws {ConfigError} As {@link resolveConfig}.
 */
export function configOfRun(overrides: ConfigOptions): Config {
  const config = resolveConfig(overrides);
  return overrides.maxComputeRetries === 0 ? { ...config, noRetries: true } : config;
}

/**
 * The configuration with what it is made of.
 *
 * @throws {ConfigError} As {@link resolveConfig}.
 */
export function explainConfig(): { config: Config; layers: ConfigLayers } {
  const layers = configLayers();
  return { config: combine(layers), layers };
}

function configLayers(): ConfigLayers {
  const project = projectFolder();
  const { path, options: file } = fromFile(project);
  const set = { ...furuGlobals().config as ConfigOptions | undefined };
  return { project, path, file, variables: fromEnvironment(), set };
}

function combine({ project, file, variables, set }: ConfigLayers): Config {
  const options = together(together(file, variables), set);
  // A variable is for one setting of several, and leaves the others as they are.
  if (variables.slurm) options.slurm = { ...file.slurm, ...variables.slurm, ...set.slurm };
  const root = realFolder(options.root ?? join(project, "furu-data"));
  const leaseSec = options.leaseSec ?? SETTING_DEFAULTS.leaseSec;
  const heartbeatSec = options.heartbeatSec ?? leaseSec / 3;
  if (heartbeatSec > leaseSec / 2) {
    throw new ConfigError(
      `Cannot use heartbeatSec (FURU_HEARTBEAT_SECS) ${heartbeatSec}: at most half of the lease of ${leaseSec} s is allowed`,
    );
  }
  return {
    ...SETTING_DEFAULTS,
    alwaysRerun: [...SETTING_DEFAULTS.alwaysRerun],
    ...options,
    leaseSec,
    heartbeatSec,
    root,
    slurmRoot: options.slurmRoot ?? join(root, "slurm"),
  };
}

/** Options with stronger ones above them: of limits each counts by itself. */
function together(weak: ConfigOptions = {}, strong: ConfigOptions): ConfigOptions {
  const limits = mergeLimits(weak.limits, strong.limits);
  return { ...weak, ...strong, ...(limits === undefined ? {} : { limits }) };
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
  for (const key of ["root", "slurmRoot", "scratchDir"] as const) {
    const text = options[key];
    // What a variable begins with is known only where it is used.
    if (text !== undefined && !(key === "scratchDir" && text.startsWith("$"))) {
      absolute[key] = settingPath(text, base, place(key), () => environmentVariable("HOME"));
    }
  }
  return absolute;
}

function fromFile(dir: string): { path?: string; options: ConfigOptions } {
  const found = CONFIG_FILES.flatMap((name) => {
    const path = join(dir, name);
    const text = readConfigText(path);
    return text === undefined ? [] : [{ path, text }];
  });
  if (found.length > 1) {
    throw new ConfigError(`Cannot use ${found.map(({ path }) => path).join(" and ")}: one of them has to go`);
  }
  const [file] = found;
  if (file === undefined) return { options: {} };
  const { path } = file;
  const json = parseConfigText(file.text, path);
  const place = (field: string): string => field === "" ? path : `'${field}' in ${path}`;
  // Folders in a file are meant from where the file is, whatever the current folder.
  return { path, options: withPaths(parseOptions(withoutSchema(json), place), () => dir, place) };
}

function readConfigText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof Deno.errors.NotCapable) throw permissionError("read the configuration", error);
    throw new ConfigError(`Cannot read ${path}: ${(error as Error).message}`, { cause: error });
  }
}

function parseConfigText(text: string, path: string): unknown {
  try {
    return parseCommentedJson(text);
  } catch (error) {
    throw new ConfigError(`Cannot read ${path}: not JSON: ${(error as Error).message.replace(/\s+/g, " ")}`, {
      cause: error,
    });
  }
}

/** Editors find by `$schema` what a file may say: it is no setting. */
function withoutSchema(json: unknown): unknown {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return json;
  const { $schema: _, ...rest } = json as Record<string, unknown>;
  return rest;
}

function fromEnvironment(): ConfigOptions {
  for (const [former, name] of Object.entries(RENAMED_VARIABLES)) {
    if (environmentVariable(former)?.trim()) {
      throw new ConfigError(`Cannot use ${former}: its name is ${name}`);
    }
  }
  const options: Record<string, unknown> = {};
  for (const [name, { field, parse, allowed }] of Object.entries(SETTING_VARIABLES)) {
    const text = environmentVariable(name)?.trim();
    if (text === undefined || text === "") continue;
    const parsed = SETTING_FORMS[field]().safeParse(parse(text));
    if (!parsed.success) {
      throw new ConfigError(`Cannot use ${name}=${JSON.stringify(text)}: allowed is ${allowed}`);
    }
    options[field] = parsed.data;
  }
  const nameOf = (field: string): string =>
    Object.keys(SETTING_VARIABLES).find((name) => SETTING_VARIABLES[name]?.field === field) ?? field;
  return withPaths(options, startFolder, nameOf);
}

function parseOptions(value: unknown, place: (field: string) => string): ConfigOptions {
  const isObject = typeof value === "object" && value !== null;
  if (isObject && !Array.isArray(value) && Object.keys(value).length === 0) return {};
  const present = (Object.keys(SETTING_FORMS) as SettingName[]).filter((field) => isObject && field in value);
  const parsed = z.strictObject(
    Object.fromEntries(present.map((field) => [field, SETTING_FORMS[field]().optional()])),
  )
    .safeParse(value, { jitless: true });
  if (parsed.success) {
    return Object.fromEntries(Object.entries(parsed.data).filter(([, v]) => v !== undefined));
  }
  const [issue] = parsed.error.issues;
  const field = issue?.path.join(".") ?? "";
  if (issue?.code === "unrecognized_keys") {
    const [key = ""] = issue.keys;
    const known = Object.keys(field === "slurm" ? slurmSettingsSchema().shape : SETTING_FORMS);
    const name = field === "" ? key : `${field}.${key}`;
    throw new ConfigError(`Cannot use ${place(name)}: ${unknownOption(key, known)}`);
  }
  const given = issue?.path.reduce<unknown>(
    (part, key) => (part as Record<PropertyKey, unknown>)?.[key],
    value,
  );
  const why = issue?.message.replace(
    /^Invalid input: expected (\w+), received \w+$/,
    "it must be of type $1",
  );
  // URLs of notices are secrets.
  const shown = field.startsWith("notify") ? "" : `; current value is ${Deno.inspect(given)}`;
  throw new ConfigError(`Cannot use ${place(field)}: ${why}${shown}`);
}

/** Changes whenever {@link resolveConfig} may give something else: what was resolved is kept by it. */
export function configKey(): string {
  const parts = [furuGlobals().entry, JSON.stringify(furuGlobals().config)];
  for (const name in SETTING_VARIABLES) parts.push(environmentVariable(name) ?? "");
  return parts.join("\n");
}
