import { ValidationError } from "../core/errors.ts";
import type { PlanNode } from "../plan/node.ts";
import { ARTIFACT } from "../task/artifact/artifact.ts";
import { refuseLoadOnly } from "../task/artifact/load_only.ts";

/** Names that Deno gives to code from stdin, from `deno eval` and from the REPL. */
const NO_FILE = /\$deno\$(stdin|eval|repl)/;

/**
 * Refuses artifacts that can be loaded but not computed, before anything starts.
 *
 * @param nodes What may have to be computed.
 * @throws {ExecutionError} that names the artifact and says what to do.
 */
export function checkComputable(nodes: Iterable<PlanNode>): void {
  for (const { artifact, status } of nodes) if (status === "TODO") refuseLoadOnly(artifact);
}

/**
 * Refuses tasks whose code no worker process can import, before anything starts.
 *
 * @param nodes What may have to be computed.
 * @param entry URL of the module that the run was started with: a worker looks there as well.
 * @throws {ValidationError} that says what to do.
 */
export function checkImportable(nodes: Iterable<PlanNode>, entry: string): void {
  // Any other entry may define the task, wherever its name was met first.
  if (!NO_FILE.test(entry)) return;
  for (const { artifact, status } of nodes) {
    const { module } = artifact[ARTIFACT].task;
    if (status === "DONE" || (module !== undefined && !NO_FILE.test(module))) continue;
    throw new ValidationError(
      `Cannot run ${artifact} in a worker process as its task is defined in code that has no file (stdin, eval or ` +
        `REPL): put the task into a module of its own, or run with isolation: "inline"`,
      { artifact: `${artifact}` },
    );
  }
}
