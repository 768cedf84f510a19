import { FuruError, UsageError } from "../../core/errors.ts";
import {
  ANY_ARTIFACT,
  findArtifacts,
  type FoundArtifact,
  LEAST_DIGITS,
  nothingOf,
  taskPattern,
} from "../../catalog/find_artifacts.ts";
import { resolvePin } from "../../tidy/pins.ts";
import type { NamedArtifact } from "../../catalog/references.ts";
import { ARTIFACT, type Artifact } from "../../task/artifact/artifact.ts";
import type { CommandInput } from "../program/command.ts";
import type { Engine } from "../program/engine.ts";
import { readableStore } from "../program/readable_store.ts";
import { loadTarget } from "./target.ts";

const NAMED = 20;

/**
 * The artifact that a command's first argument means: a whole hash, its first digits, an artifact as furu
 * prints it, or the name of a pin. What is not in the store is looked for among what the roots of the module
 * need.
 *
 * @throws {UsageError} If the argument is no hash.
 * @throws {FuruError} If there is no such artifact, or more than one.
 */
export async function findReference(
  { args, io, program, engine }: Pick<CommandInput, "args" | "io" | "program" | "engine">,
): Promise<FoundArtifact> {
  const [written = "", ...modules] = args;
  const root = await engine.root();
  const store = await readableStore(engine, { mayLack: true });
  const pin = await resolvePin(store, written);
  if (pin) {
    return (await findArtifacts(store, taskPattern(pin.name, pin.hash)))[0] ??
      nothingOf(root, pin.name, pin.hash);
  }
  const { prefix, name } = parseReference(written);
  const pattern = name === undefined ? { ...ANY_ARTIFACT, prefix } : taskPattern(name, prefix);
  let found = await findArtifacts(store, pattern);
  if (found.length === 0 && (program.script || modules.length > 0)) {
    const { roots } = await loadTarget(program, modules, io);
    found = withPrefix(roots, prefix, root);
  }
  const [artifact] = found;
  if (artifact === undefined) {
    throw new FuruError(`Cannot find an artifact whose hash begins with '${prefix}' in ${root}`);
  }
  if (found.length > 1) throw ambiguous(prefix, found);
  return artifact;
}

/** Whether something was pinned under this name. */
export async function isPin(engine: Engine, written: string): Promise<boolean> {
  return await resolvePin(await readableStore(engine, { mayLack: true }), written) !== undefined;
}

/** Whether a text is meant as a hash, or as an artifact in the form that furu prints. */
export function isReference(written: string): boolean {
  return REFERENCE.test(written);
}

const REFERENCE = /^(?:(.+)\()?([0-9a-f]*)\)?$/i;

function parseReference(written: string): { prefix: string; name?: string } {
  const [, name, digits] = REFERENCE.exec(written) ?? [];
  if (digits === undefined || digits.length < LEAST_DIGITS || digits.length > 32) {
    throw new UsageError(
      `Cannot use '${written}' as a hash: ${LEAST_DIGITS} to 32 digits of [0-9a-f] are needed`,
    );
  }
  const prefix = digits.toLowerCase();
  return name === undefined ? { prefix } : { prefix, name };
}

/** Those that the roots need, directly or not, whose hash begins so; nothing of them is stored. */
function withPrefix(roots: readonly Artifact[], prefix: string, root: string): FoundArtifact[] {
  const seen = new Set<string>();
  const found: FoundArtifact[] = [];
  const open = [...roots];
  for (let artifact = open.pop(); artifact; artifact = open.pop()) {
    if (seen.has(artifact.hash)) continue;
    seen.add(artifact.hash);
    for (const below of artifact[ARTIFACT].dependencies) open.push(below);
    if (!artifact.hash.startsWith(prefix)) continue;
    found.push(nothingOf(root, artifact.name, artifact.hash));
  }
  return found;
}

/** That the beginning of a hash is that of several artifacts. */
export function ambiguous(prefix: string, found: readonly NamedArtifact[]): FuruError {
  const lines = found.slice(0, NAMED).map(({ name, hash }) => `  ${hash}  ${name}`);
  if (found.length > NAMED) lines.push(`  … and ${found.length - NAMED} more`);
  return new FuruError(
    `Cannot tell which artifact '${prefix}' is, ${found.length} begin so:\n${lines.join("\n")}`,
  );
}
