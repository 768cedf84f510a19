/** Is the terminal one that cannot move its cursor, as Emacs' shell says of itself by `TERM=dumb`? */
export function isDumbTerminal(): boolean {
  // Asking the user for the right to know it would disturb more than a strange display.
  const { state } = Deno.permissions.querySync({ name: "env", variable: "TERM" });
  return state === "granted" && Deno.env.get("TERM") === "dumb";
}

/** The variables of this process, for programs that it starts; none where they may not be read. */
export function environmentVariables(): Record<string, string> {
  try {
    return Deno.env.toObject();
  } catch {
    return {};
  }
}
