import { FuruError, UsageError } from "../core/errors.ts";
import type { Artifact } from "../task/artifact.ts";
import { ARTIFACT } from "../task/artifact.ts";
import { artifactPaths } from "../store/layout.ts";
import { defineCommand } from "./command.ts";
import { findStored, type FoundArtifact } from "./find_stored.ts";
import { switchFlag } from "./flag.ts";
import { loadTarget } from "./target.ts";

const flags = {
  dir: switchFlag("Print the artifact's folder (logs, files, failures) instead of its record"),
};

const LEAST_DIGITS = 4;
const NAMED = 20;

/** `furu path`: where an artifact is stored. */
export const pathCommand = defineCommand({
  args: (program) => program.script ? "HASH" : "HASH [MODULE[#export]]",
  arity: (program) => ({ least: 1, most: program.script ? 1 : 2 }),
  description: [
    "Prints the file with an artifact's result or, where there is none, the folder with what is kept of its attempts.",
    `HASH is a whole hash, its first digits (at least ${LEAST_DIGITS}), or an artifact as furu prints it: toy/Train(4f0c12ab).`,
    "An artifact that is not in the store is looked for among those that the roots of the module need.",
  ].join("\n"),
  flags,
  examples: () => [
    ["4f0c12ab", "the record of the artifact whose hash begins so"],
    ["4f0c12ab --dir", "the folder with its files and logs"],
  ],
  async run({ args, flags, globals, io, program, engine }) {
    const [written = "", ...modules] = args;
    const { prefix, name } = parseReference(written);
    const root = await engine.root();
    let found = await findStored(root, prefix, name);
    if (found.length === 0 && (program.script || modules.length > 0)) {
      const { roots } = await loadTarget(program, modules, io);
      found = withPrefix(roots, prefix, root);
    }
    const [artifact] = found;
    if (artifact === undefined) {
      throw new FuruError(`Cannot find an artifact whose hash begins with '${prefix}' in ${root}`);
    }
    if (found.length > 1) throw ambiguous(prefix, found);
    const path = flags.dir || (!artifact.hasRecord && artifact.hasHome) ? artifact.home : artifact.record;
    const { hash, record, home, hasRecord, hasHome } = artifact;
    io.out(
      globals.json
        ? `${JSON.stringify({ hash, name: artifact.name, record, home, hasRecord, hasHome })}\n`
        : `${path}\n`,
    );
    return 0;
  },
});

function parseReference(written: string): { prefix: string; name?: string } {
  const [, name, digits] = /^(?:(.+)\()?([0-9a-f]*)\)?$/i.exec(written) ?? [];
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
    open.push(...artifact[ARTIFACT].dependencies);
    if (!artifact.hash.startsWith(prefix)) continue;
    const { name, hash, record, home } = artifactPaths(root, artifact);
    found.push({ name, hash, record, home, hasRecord: false, hasHome: false });
  }
  return found;
}

function ambiguous(prefix: string, found: readonly FoundArtifact[]): FuruError {
  const lines = found.slice(0, NAMED).map(({ name, hash }) => `  ${hash}  ${name}`);
  if (found.length > NAMED) lines.push(`  … and ${found.length - NAMED} more`);
  return new FuruError(
    `Cannot tell which artifact '${prefix}' is, ${found.length} begin so:\n${lines.join("\n")}`,
  );
}
