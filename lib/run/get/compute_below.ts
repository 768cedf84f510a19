import { ARTIFACT, type Artifact } from "../../task/artifact/artifact.ts";

/** One of the artifacts that are missing. */
interface Missing {
  readonly artifact: Artifact;
  /** Those that need it. */
  readonly above: Missing[];
  /** The number of those that it needs and that are missing. */
  below: number;
}

/**
 * Computes all that an artifact declares to need and that is missing, from the bottom up, as a run does: a
 * `create` that waits in a `get` for the next one takes memory, so that a chain of these could not be of any
 * length.
 *
 * @param top Whose dependencies are meant.
 * @param isStored Whether there is a result that `compute` would only load.
 * @param compute Computes one of them. The first that fails ends all: nothing more is begun.
 */
export async function computeBelow(
  top: Artifact,
  isStored: (artifact: Artifact) => Promise<boolean>,
  compute: (artifact: Artifact) => Promise<unknown>,
): Promise<void> {
  const missing = await missingBelow(top, isStored);
  if (missing.length === 0) return;
  const all = Promise.withResolvers<void>();
  let left = missing.length;
  let failed = false;
  const begin = (node: Missing): void => {
    compute(node.artifact).then(() => {
      if (--left === 0) all.resolve();
      if (failed) return;
      for (const above of node.above) if (--above.below === 0) begin(above);
    }, (error) => {
      failed = true;
      all.reject(error);
    });
  };
  for (const node of missing.filter(({ below }) => below === 0)) begin(node);
  await all.promise;
}

/** Those below an artifact that are missing, as far down as there is nothing stored. */
async function missingBelow(
  top: Artifact,
  isStored: (artifact: Artifact) => Promise<boolean>,
): Promise<Missing[]> {
  const nodes = new Map<string, Missing | undefined>();
  const root: Missing = { artifact: top, above: [], below: 0 };
  // A list of its own, since chains are longer than calls can be nested.
  const open: Missing[] = [root];
  for (let node; (node = open.pop());) {
    for (const artifact of node.artifact[ARTIFACT].dependencies) {
      if (!nodes.has(artifact.hash)) {
        const found = await isStored(artifact) ? undefined : { artifact, above: [], below: 0 };
        nodes.set(artifact.hash, found);
        if (found) open.push(found);
      }
      const below = nodes.get(artifact.hash);
      if (!below) continue;
      node.below++;
      if (node !== root) below.above.push(node);
    }
  }
  return [...nodes.values()].filter((node) => node !== undefined);
}
