import { type Cells, paramCells } from "../catalog/cells.ts";
import { errorText } from "../core/errors.ts";
import { type GraphNode, readGraphFile } from "../plan/graph_file.ts";
import { queuePaths } from "../queue/layout.ts";
import { readRun } from "../remote/run_record.ts";
import type { RunView } from "../status/run_views.ts";
import { concernsOneArtifact, type Store } from "../store/store.ts";
import { ARTIFACT, type Artifact } from "../task/artifact/artifact.ts";
import { shownParams } from "../task/artifact/identity.ts";
import { withAllBelow } from "../task/artifact/reference.ts";
import { reportCells } from "./report_cells.ts";
import type { ReportNode, ReportRun } from "./report_model.ts";

/** An artifact that belongs to a report, whether anything of it is stored or not. */
export interface WantedNode extends GraphNode {
  /** Its parameters, where they are known. */
  readonly cells?: ReportNode["params"];
}

/** What a run is to compute, and what else its record says. */
export interface RunNodes {
  /** Its nodes; nothing where it has not written down which. */
  readonly nodes?: readonly WantedNode[];
  /** What else its record says of it, and the hashes of its roots. */
  readonly more: Pick<ReportRun, "commit" | "dirty" | "versions" | "cluster" | "specs">;
  /** The hashes of its roots. */
  readonly roots: readonly string[];
  /** Why no more is known. */
  readonly fault?: string;
}

/**
 * Reads what a run is to compute.
 *
 * @throws {StoreError} If the store cannot be read.
 */
export async function readRunNodes(store: Store, { mode, runId, roots }: RunView): Promise<RunNodes> {
  const hashes = roots.map(({ hash }) => hash);
  try {
    if (mode === "local") {
      const nodes = await readGraphFile(store, runId);
      return { ...(nodes && { nodes }), more: {}, roots: hashes };
    }
    const run = await readRun({ store }, queuePaths(store.root, runId));
    const nodes = new Map<string, WantedNode>();
    for (const { name, hash, dependencies, ...rest } of run.nodes) {
      const stored = "stored" in rest ? rest.stored : [];
      for (const each of stored) nodes.set(each.hash, nodes.get(each.hash) ?? { ...each, needs: [] });
      nodes.set(hash, { name, hash, needs: [...dependencies, ...stored.map((each) => each.hash)] });
    }
    const { git, versions, cluster, specs } = run;
    return {
      nodes: [...nodes.values()],
      more: { ...git, versions, specs, ...(cluster === undefined ? {} : { cluster }) },
      roots: run.roots,
    };
  } catch (error) {
    if (!concernsOneArtifact(error)) throw error;
    return { more: {}, roots: hashes, fault: errorText(error) };
  }
}

/** All that roots need, themselves included, each once. */
export function nodesOf(roots: Iterable<Artifact>): WantedNode[] {
  return [...withAllBelow(roots)].map((artifact) => {
    const params: Cells = paramCells(shownParams(artifact));
    return {
      name: artifact.name,
      hash: artifact.hash,
      needs: artifact[ARTIFACT].dependencies.map(({ hash }) => hash),
      ...(params.size === 0 ? {} : { cells: reportCells(params) }),
    };
  });
}
