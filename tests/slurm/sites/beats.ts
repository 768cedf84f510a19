import { join } from "@std/path/join";
import { walk } from "@std/fs/walk";
import { until } from "../../rig.ts";
import { DEADLINE_MS } from "../pool/cluster_pool_rig.ts";

/** Waits until an attempt in this store has beaten for so long: whoever takes it for dead has said so by then. */
export async function beatenFor(root: string, ms: number): Promise<void> {
  const claims: string[] = [];
  for await (const { path } of walk(join(root, "artifacts"), { match: [/\.claim$/] })) {
    claims.push(path);
  }
  const first = claims.map(beatOf);
  await until(
    () => claims.some((path, i) => beatOf(path) - first[i]! >= ms),
    `one of ${claims.length} attempts has beaten for ${ms} ms`,
    ms + DEADLINE_MS,
  );
}

/** The latest heartbeat of an attempt; of one that is over none. */
function beatOf(path: string): number {
  try {
    return Deno.statSync(path).mtime?.getTime() ?? NaN;
  } catch {
    return NaN;
  }
}
