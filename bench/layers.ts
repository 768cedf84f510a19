import { type Artifact, defineTask, z } from "@furu/furu";
import type { Task } from "../lib/task/artifact/task.ts";

const LAYERS = 10;
const FAN = 3;

/** The task of each layer; the artifacts of one depend on those of the layer below. */
const tasks = [layerTask(0, z.array(z.never()))];
for (let layer = 1; layer < LAYERS; layer++) tasks.push(layerTask(layer, z.array(tasks[layer - 1]!.schema)));

type LayerTask = Task<z.ZodObject<{ i: z.ZodInt; below: z.ZodType<Artifact[], Artifact[]> }>, number>;

function layerTask(layer: number, below: z.ZodType<Artifact[], Artifact[]>): LayerTask {
  return defineTask({
    name: `bench/Layer${layer}`,
    params: z.object({ i: z.int(), below }),
    create: ({ params }) => params.i,
  });
}

/**
 * A graph of ten layers of equal width; each node depends on three of the layer below. The top layer is the
 * roots.
 */
export function layeredArtifacts(nodes: number): { roots: Artifact[]; all: Artifact[] } {
  const width = Math.ceil(nodes / LAYERS);
  const all: Artifact[] = [];
  let below: Artifact[] = [];
  for (const task of tasks) {
    const row: Artifact[] = [];
    for (let i = 0; i < width; i++) {
      const fan = below.length === 0 ? 0 : FAN;
      row.push(task({ i, below: Array.from({ length: fan }, (_, k) => below[(i * FAN + k * 8) % width]!) }));
    }
    all.push(...row);
    below = row;
  }
  return { roots: below, all };
}
