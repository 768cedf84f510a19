import { type Artifact, exists, get } from "@furu/furu";
import { artifactPaths } from "../lib/store/layout.ts";
import { withSum } from "../lib/store/record.ts";
import { ARTIFACT } from "../lib/task/artifact/artifact.ts";

/**
 * Fills the configured store with a result for each artifact, without computing them one by one: the first of
 * each task is computed, and its record is written again with the identity of the others. The first ones must
 * depend on nothing that is expensive.
 *
 * @param root The configured store.
 * @throws {Error} when what was written is not what furu takes for a result.
 */
export async function storeAll(root: string, artifacts: readonly Artifact[]): Promise<void> {
  const templates = new Map<string, Record<string, unknown>>();
  for (const [i, artifact] of artifacts.entries()) {
    const path = artifactPaths(root, artifact).record;
    const template = templates.get(artifact.name);
    if (template === undefined) {
      await get(artifact);
      const { sum: _, ...template } = JSON.parse(Deno.readTextFileSync(path));
      templates.set(artifact.name, template);
      continue;
    }
    const identity = JSON.parse(artifact[ARTIFACT].identity);
    const id = i.toString(16).padStart(12, "0");
    Deno.writeTextFileSync(path, withSum(JSON.stringify({ ...template, identity, id })));
  }
  const last = artifacts.at(-1);
  if (last && !await exists(last)) {
    throw new Error(`Cannot measure a full store: it has no result of ${last}`);
  }
}
