import type { Owner } from "../../core/system/machine.ts";

/** Why a run stops that `furu cancel` ends, for whoever controls or submits it. */
export function cancelReason({ user, host }: Owner): string {
  return `furu cancel${user === undefined ? "" : ` by ${user}`} on ${host}`;
}
