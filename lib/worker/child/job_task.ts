import { readValue } from "../../run/stored_value.ts";
import type { Runtime } from "../../run/runtime.ts";
import { readRecord } from "../../store/read_record.ts";
import { ARTIFACT, type Artifact } from "../../task/artifact/artifact.ts";
import { PayloadSource } from "../protocol/payload_source.ts";
import type { ArtifactPayload } from "../protocol/protocol.ts";

/**
 * Reads what is needed in order to make an artifact of a run again, and all below it.
 *
 * @param dir The run's folder.
 * @param task Which artifact, and where it is put.
 * @returns `false` where it cannot be read: its supervisor finds out why.
 */
export async function readPayloads(
  runtime: Pick<Runtime, "machine">,
  dir: string,
  { root, artifacts }: { root: string; artifacts: Map<string, ArtifactPayload> },
): Promise<boolean> {
  try {
    const source = await new PayloadSource(runtime, dir).sourcesOf({ hash: root as Artifact["hash"] });
    const open = [root];
    for (let hash; (hash = open.pop()) !== undefined;) {
      if (artifacts.has(hash)) continue;
      const { dependencies, ...payload } = source(hash);
      artifacts.set(hash, payload);
      for (const below of dependencies) open.push(below);
    }
    return true;
  } catch {
    return false;
  }
}

/**
 * Whether all that an artifact depends on is stored without any doubt; where there is one, its supervisor
 * looks closer, and waits for what others compute.
 */
export async function areStored(runtime: Runtime, artifact: Artifact): Promise<boolean> {
  try {
    for (const below of artifact[ARTIFACT].dependencies) {
      const paths = runtime.store.paths(below);
      const record = await readRecord(runtime.store, paths);
      if (!record || !(await readValue(runtime, paths, record, "none")).ok) return false;
    }
    return true;
  } catch {
    return false;
  }
}
