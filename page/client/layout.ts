import dagre from "@dagrejs/dagre";

/** A box of the graph. */
export interface Box {
  readonly id: string;
  readonly width: number;
  readonly height: number;
}

/** Where its middle is. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** With more boxes, or lines, the careful layout takes too long: it would block the page. */
const MOST_BOXES = 250;
const MOST_LINES = 1200;
/** So many boxes of one rank stand below each other. */
const COLUMN = 40;
const GAP_X = 70;
const GAP_Y = 14;

/** Puts boxes where the data flows from left to right. */
export function layOut(
  boxes: readonly Box[],
  lines: readonly (readonly [from: string, to: string])[],
): Map<string, Place> {
  return boxes.length <= MOST_BOXES && lines.length <= MOST_LINES
    ? careful(boxes, lines)
    : quick(boxes, lines);
}

function careful(boxes: readonly Box[], lines: readonly (readonly [string, string])[]): Map<string, Place> {
  const graph = new dagre.graphlib.Graph();
  graph.setGraph({ rankdir: "LR", nodesep: GAP_Y, ranksep: GAP_X });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { id, width, height } of boxes) graph.setNode(id, { width, height });
  for (const [from, to] of lines) graph.setEdge(from, to);
  dagre.layout(graph);
  return new Map(boxes.map(({ id }) => {
    const { x = 0, y = 0 } = graph.node(id) as { x?: number; y?: number };
    return [id, { x, y }];
  }));
}

/** By ranks alone, each in columns; in the order of what they depend on. In linear time. */
export function quick(
  boxes: readonly Box[],
  lines: readonly (readonly [string, string])[],
): Map<string, Place> {
  const after = new Map<string, string[]>(boxes.map(({ id }) => [id, []]));
  const waits = new Map<string, number>(boxes.map(({ id }) => [id, 0]));
  const rank = new Map<string, number>();
  const order = new Map<string, number>();
  for (const [from, to] of lines) {
    after.get(from)?.push(to);
    waits.set(to, (waits.get(to) ?? 0) + 1);
  }
  const ready = boxes.filter(({ id }) => waits.get(id) === 0).map(({ id }) => id);
  for (const id of ready) rank.set(id, 0);
  // It grows while it is gone through; what is in a circle is never ready, and stands first.
  for (const id of ready) {
    for (const next of after.get(id) ?? []) {
      rank.set(next, Math.max(rank.get(next) ?? 0, (rank.get(id) ?? 0) + 1));
      order.set(next, Math.min(order.get(next) ?? Infinity, order.get(id) ?? Infinity));
      const left = (waits.get(next) ?? 0) - 1;
      waits.set(next, left);
      if (left === 0) ready.push(next);
    }
    if (!order.has(id)) order.set(id, order.size);
  }
  const ranks = Map.groupBy(boxes, ({ id }) => rank.get(id) ?? 0);
  const places = new Map<string, Place>();
  let x = 0;
  for (const at of [...ranks.keys()].sort((a, b) => a - b)) {
    const members = ranks.get(at)!.toSorted((a, b) => (order.get(a.id) ?? 0) - (order.get(b.id) ?? 0));
    for (let from = 0; from < members.length; from += COLUMN) {
      const column = members.slice(from, from + COLUMN);
      const width = Math.max(...column.map((box) => box.width));
      const height = column.reduce((sum, box) => sum + box.height + GAP_Y, 0);
      let y = -height / 2;
      for (const box of column) {
        places.set(box.id, { x: x + width / 2, y: y + box.height / 2 });
        y += box.height + GAP_Y;
      }
      x += width + GAP_Y;
    }
    x += GAP_X;
  }
  return places;
}
