import { ConfigError } from "./errors.ts";

const HINT =
  "'deno run --allow-all' allows all that furu needs; what that is in detail: 'Permissions' in its README";

/**
 * What Deno does not allow this process, as an error that says what it was needed for and names the flag; any
 * other error as it is.
 *
 * @param action What cannot be done, as "use the store".
 */
export function permissionError(action: string, error: unknown): unknown {
  if (!(error instanceof Deno.errors.NotCapable)) return error;
  return new ConfigError(`Cannot ${action}: ${error.message}; ${HINT}`, { cause: error });
}

/**
 * Makes sure that this process may do what it is about to, before anything begins.
 *
 * @param action What is to be done, as "start worker processes".
 * @param needed All that it takes.
 * @param instead What else one could do.
 * @throws {ConfigError} naming each flag that is missing.
 */
export function checkPermissions(
  action: string,
  needed: readonly Deno.PermissionDescriptor[],
  instead = "",
): void {
  const missing = needed.filter((each) => Deno.permissions.querySync(each).state !== "granted");
  if (missing.length === 0) return;
  const flags = missing.map(flagOf).join(" and ");
  const also = instead === "" ? "" : ` ${instead};`;
  throw new ConfigError(`Cannot ${action} as this process was started without ${flags};${also} ${HINT}`);
}

function flagOf(permission: Deno.PermissionDescriptor): string {
  return permission.name === "sys" && permission.kind !== undefined
    ? `--allow-sys=${permission.kind}`
    : `--allow-${permission.name}`;
}
