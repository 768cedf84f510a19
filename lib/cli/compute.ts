import type { ComputeOrder } from "../core/environment.ts";

/**
 * What this program is when a supervisor has started it: its computing process. It takes one task after another until its
 * supervisor ends it, or is gone.
 */
export async function compute({ socket, token }: ComputeOrder): Promise<never> {
  const [{ runChild }, { computeTask }] = await Promise.all([
    import("../worker/child/child.ts"),
    import("../worker/child/compute_task.ts"),
  ]);
  return await runChild({ socket, token, compute: computeTask });
}
