import { ExecutionError } from "../core/errors.ts";
import { currentContext } from "./context.ts";

/**
 * Refuses a run that is started by a task, or by code that a run calls.
 *
 * @param call The function's name.
 * @throws {ExecutionError} naming the artifact inside of which it was called.
 */
export function refuseInside(call: string): void {
  const context = currentContext();
  if (!context) return;
  const where = context.node ? ` inside ${context.node}` : "";
  throw new ExecutionError(
    `Cannot call ${call}()${where}: a run cannot be started inside of a run or a task`,
  );
}
