/** The variables of this process, for programs that it starts; none where they may not be read. */
export function environmentVariables(): Record<string, string> {
  try {
    return Deno.env.toObject();
  } catch {
    return {};
  }
}
