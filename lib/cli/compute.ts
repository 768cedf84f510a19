import { UsageError } from "../core/errors.ts";

/**
 * The hidden command `compute SOCKET TOKEN`: the computing process of a supervisor, which started it. It takes one
 * task after another until its supervisor ends it, or is gone.
 */
export async function compute(args: readonly string[]): Promise<never> {
  const [socket, token] = args;
  if (socket === undefined || token === undefined) {
    throw new UsageError("Cannot run 'compute' by hand: runs start it themselves");
  }
  const [{ runChild }, { computeTask }] = await Promise.all([
    import("../worker/child.ts"),
    import("../worker/compute_task.ts"),
  ]);
  return await runChild({ socket, token, compute: computeTask });
}
