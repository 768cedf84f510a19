import { ConfigError } from "../../core/errors.ts";
import { checkWord } from "../../core/names.ts";
import { didYouMean } from "../../core/nearest.ts";
import { type ParsedSpec, type SlurmSpec, slurmSpecSchema } from "../client/spec.ts";

/** The specs of a run by name. */
export interface SlurmSpecs {
  /** The spec of tasks that name none. */
  default: SlurmSpec;
  /** Any other one. */
  [name: string]: SlurmSpec;
}

/**
 * Checks specs, wherever they come from, before anything is submitted.
 *
 * @param needed The names of the tasks that need each spec.
 * @returns The specs with their defaults filled in.
 * @throws {ConfigError} with all that is wrong: the values, the field and what is allowed; a missing spec
 * with the tasks that need it.
 * @throws {ValidationError} for a spec whose name cannot be a folder.
 */
export function checkSpecs(
  specs: unknown,
  needed: ReadonlyMap<string, readonly string[]> = new Map(),
): Record<string, ParsedSpec> {
  if (typeof specs !== "object" || specs === null || Array.isArray(specs)) {
    throw new ConfigError(
      `Cannot use Slurm specs as they must be an object with one spec for each name: they are ${
        Deno.inspect(specs, { depth: 1 })
      }`,
    );
  }
  const faults: string[] = [];
  const parsed: Record<string, ParsedSpec> = {};
  for (const [name, spec] of Object.entries(specs)) {
    checkWord("spec", name);
    const result = slurmSpecSchema.safeParse(spec, { reportInput: true });
    if (result.success) parsed[name] = result.data;
    else faults.push(...result.error.issues.map((issue) => `spec '${name}'${faultText(issue)}`));
  }
  const names = Object.keys(specs);
  const has = names.length === 0 ? "there are none" : `there are ${names.join(", ")}`;
  if (!names.includes("default")) faults.push(`spec 'default' is missing: ${has}`);
  for (const [name, tasks] of needed) {
    if (name === "default" || names.includes(name)) continue;
    faults.push(`spec '${name}' is missing, needed by ${tasks.join(", ")}: ${has}${didYouMean(name, names)}`);
  }
  if (faults.length === 0) return parsed;
  throw new ConfigError(
    faults.length === 1
      ? `Cannot use Slurm specs: ${faults[0]}`
      : `Cannot use Slurm specs:${faults.map((fault) => `\n  ${fault}`).join("")}`,
  );
}

function faultText(issue: { code?: string; path: PropertyKey[]; message: string; input?: unknown }): string {
  const place = issue.path.map((key) => `.${String(key)}`).join("");
  const message = issue.message.replace(/^Invalid input: /, "");
  if (issue.code === "unrecognized_keys" || issue.code === "custom" && issue.path[0] === "extra") {
    return `${place}: ${message}`;
  }
  return `${place}: ${message}: current value is ${Deno.inspect(issue.input, { depth: 1 })}`;
}
