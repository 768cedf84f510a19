import { fromCanonical } from "../core/json/canonical.ts";
import { errorText } from "../core/errors.ts";
import { artifactLabel } from "../core/hash.ts";
import type { Artifact, TaskDefinition, TaskMigration } from "../task/artifact/artifact.ts";
import {
  calledToday,
  type Carried,
  carryParams,
  refusalText,
  storedReference,
  withArtifacts,
} from "./carry.ts";
import { isFrom, type OldResult, versionText } from "./stored.ts";

/** What becomes of a stored result. */
export interface Resolved {
  /** The result. */
  readonly from: OldResult;
  /** The task whose artifact it would become. */
  readonly task: TaskDefinition;
  /** The artifact that it becomes. */
  readonly artifact?: Artifact | undefined;
  /** Why it does not become one; nothing where its migration leaves it. */
  readonly why?: string | undefined;
}

/** What {@link resolveAll} goes by. */
export interface ResolveOptions {
  /** The stored results, with what they are made of; by hash. */
  readonly stored: ReadonlyMap<string, OldResult>;
  /** The tasks whose migrations count. */
  readonly tasks: readonly TaskDefinition[];
  /** Today's definition of a task by its name. */
  readonly lookup: (name: string) => TaskDefinition | undefined;
  /** Artifacts that today's code makes, by hash. */
  readonly known: ReadonlyMap<string, Artifact>;
}

/** What a stored hash stands for today. */
type Today =
  /** What today's code makes, too. */
  | { readonly kind: "same"; readonly artifact: Artifact }
  /** What it becomes: several, where it is migrated to several tasks. */
  | { readonly kind: "moved"; readonly artifacts: readonly Artifact[] }
  /** Nothing. */
  | { readonly kind: "stuck"; readonly why: string };

const LEFT = "its migration leaves it out";
/** How a reason begins that has another one behind it. */
const ITS = "its artifact ";

/**
 * Finds out, from the bottom up, what becomes of stored results. What is made of migrated results, and is
 * else just what today's code makes, becomes that without a migration of its own. Pure.
 *
 * @returns All that would have to be migrated, those below first; what is today's already is left out.
 */
export function resolveAll(options: ResolveOptions): Resolved[] {
  const resolver = new Resolver(options);
  for (const hash of options.stored.keys()) resolver.resolve(hash);
  return resolver.resolved;
}

class Resolver {
  readonly resolved: Resolved[] = [];
  readonly #options: ResolveOptions;
  readonly #today = new Map<string, Today>();

  constructor(options: ResolveOptions) {
    this.#options = options;
  }

  /** Not recursive: chains can be longer than the call stack. */
  resolve(root: string): void {
    const stack = [root];
    for (let hash; (hash = stack.at(-1)) !== undefined;) {
      const result = this.#options.stored.get(hash);
      const open = result === undefined || this.#today.has(hash)
        ? []
        : [...result.below.keys()].filter((below) =>
          this.#options.stored.has(below) && !this.#today.has(below)
        );
      if (open.length > 0) {
        for (const below of open) stack.push(below);
        continue;
      }
      stack.pop();
      if (result !== undefined && !this.#today.has(hash)) this.#today.set(hash, this.#judge(result));
    }
  }

  #judge(result: OldResult): Today {
    const { lookup, known } = this.#options;
    const own = lookup(result.name);
    const isOwnVersion = own !== undefined && versionText(own.version) === versionText(result.version);
    if (result.damage !== undefined) return this.#damaged(result);
    const carried = own !== undefined && isOwnVersion ? this.#carry(own, result) : undefined;
    const before = known.get(result.hash) ??
      (carried && "artifact" in carried && carried.artifact.hash === result.hash
        ? carried.artifact
        : undefined);
    const moved = this.#migrate(result, before);
    if (before !== undefined) return { kind: "same", artifact: before };
    if (moved !== undefined) return moved;
    const why = this.#whyChanged(result, own, isOwnVersion);
    if (own === undefined || carried === undefined || !this.#isAboveMoved(result)) {
      return { kind: "stuck", why };
    }
    // It is made of what is migrated: no migration of its own is needed where nothing else has changed.
    if ("artifact" in carried && carried.isExact) {
      this.resolved.push({ from: result, task: own, artifact: carried.artifact });
      return { kind: "moved", artifacts: [carried.artifact] };
    }
    const refusal = "why" in carried ? carried.why : `the parameters of its task have changed, too: ${why}`;
    this.resolved.push({ from: result, task: own, why: refusal });
    return { kind: "stuck", why: refusal };
  }

  #damaged(result: OldResult): Today {
    const why = result.damage ?? "its record cannot be used";
    const task = this.#options.tasks.find(({ migrations }) =>
      migrations?.some(({ from }) => from.name === result.name)
    );
    if (task) this.resolved.push({ from: result, task, why });
    return { kind: "stuck", why };
  }

  /** What its migrations make of it; nothing where there are none, or they leave it. */
  #migrate(result: OldResult, before: Artifact | undefined): Today | undefined {
    const artifacts: Artifact[] = [];
    let fault: string | undefined;
    let isLeft = false;
    for (const task of this.#options.tasks) {
      const migrations = task.migrations?.filter((each) => isFrom(each, result)) ?? [];
      // Today's own results of a task are not what it was once.
      if (migrations.length === 0 || before?.name === task.name) continue;
      const { artifact, why } = this.#apply(task, migrations, result);
      this.resolved.push({ from: result, task, artifact, why });
      if (artifact) artifacts.push(artifact);
      else isLeft = true;
      fault ??= why;
    }
    if (artifacts.length > 0) return { kind: "moved", artifacts };
    return isLeft ? { kind: "stuck", why: fault ?? LEFT } : undefined;
  }

  #apply(
    task: TaskDefinition,
    migrations: readonly TaskMigration[],
    result: OldResult,
  ): { artifact?: Artifact; why?: string } {
    let fault: string | undefined;
    for (const { params } of migrations) {
      try {
        if (params === undefined) {
          return { artifact: carryParams(task, this.#withToday(plainOf(result))).artifact };
        }
        const given = call(params, plainOf(result));
        if (given !== undefined) return { artifact: calledToday(task, this.#withToday(given)) };
      } catch (error) {
        fault ??= refusalText(task, error);
      }
    }
    return fault === undefined ? {} : { why: fault };
  }

  #carry(own: TaskDefinition, result: OldResult): Carried | { why: string } {
    try {
      return carryParams(own, this.#withToday(plainOf(result)));
    } catch (error) {
      return { why: refusalText(own, error) };
    }
  }

  #withToday(params: Record<string, unknown>): Record<string, unknown> {
    return withArtifacts(params, this.#find) as Record<string, unknown>;
  }

  readonly #find = (name: string, hash: string): Artifact => {
    const label = artifactLabel(name, hash);
    const today = this.#today.get(hash);
    const known = this.#options.known.get(hash);
    if (today?.kind === "same") return today.artifact;
    if (today?.kind === "moved") {
      const [first, ...others] = today.artifacts;
      if (first && others.length === 0) return first;
      throw new Error(`${ITS}${label} is migrated to several: ${today.artifacts.join(", ")}`);
    }
    if (known) return known;
    throw new Error(
      today === undefined
        ? `${ITS}${label} is not stored, so that its parameters are not known`
        : `${ITS}${label} is not migrated${today.why.startsWith(ITS) ? "" : ` (${today.why})`}`,
    );
  };

  #isAboveMoved({ below }: OldResult): boolean {
    return [...below.keys()].some((hash) => this.#today.get(hash)?.kind === "moved");
  }

  #whyChanged(result: OldResult, own: TaskDefinition | undefined, isOwnVersion: boolean): string {
    if (own === undefined) return `no task '${result.name}' is defined`;
    if (!isOwnVersion) {
      const [was, now] = [result.version, own.version].map((each) =>
        each === undefined ? "none" : Deno.inspect(each)
      );
      return `its version was ${was} and is ${now}`;
    }
    return `the code of task '${result.name}' makes something else of its parameters now`;
  }
}

/** Made anew for each use: a migration may change what it is given. */
function plainOf({ params }: OldResult): Record<string, unknown> {
  return fromCanonical(params, { artifact: storedReference }) as Record<string, unknown>;
}

function call(
  params: NonNullable<TaskMigration["params"]>,
  old: Record<string, unknown>,
): Record<string, unknown> | undefined {
  let given: unknown;
  try {
    given = params(old);
  } catch (cause) {
    throw new Error(`its migration threw: ${errorText(cause)}`, { cause });
  }
  if (given === undefined) return undefined;
  if (typeof given === "object" && given !== null && !("then" in given)) {
    return given as Record<string, unknown>;
  }
  throw new Error(
    `its migration has to return parameters, synchronously: it returned ${Deno.inspect(given, { depth: 1 })}`,
  );
}
