/**
 * Sends a signal to a process and all that it started, where it leads a process group of its own.
 *
 * @param pid Process id of the group's leader, which may have ended already.
 * @returns Whether there was anybody to receive it.
 */
export function signalGroup(pid: number, signal: Deno.Signal): boolean {
  try {
    Deno.kill(-pid, signal);
    return true;
  } catch {
    return false; // nobody left (ESRCH), or only what has changed its user (EPERM)
  }
}
