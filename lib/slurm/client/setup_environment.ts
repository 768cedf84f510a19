/**
 * The variable in which a batch script names the file with the environment from before its lines of setup. They
 * are those of one spec, and what is submitted from inside of the job may be of another one.
 */
export const ENVIRONMENT_FILE_VARIABLE = "FURU_ENVIRONMENT_FILE";

/**
 * The environment of a job from before its lines of setup. Takes the file away.
 *
 * @param env The environment of its process.
 * @returns `undefined` where it cannot be told.
 */
export async function environmentBeforeSetup(
  env: Readonly<Record<string, string>>,
): Promise<Record<string, string> | undefined> {
  const path = env[ENVIRONMENT_FILE_VARIABLE];
  if (path === undefined) return { ...env };
  try {
    const text = await Deno.readTextFile(path);
    await Deno.remove(path);
    return parseEnvironment(text);
  } catch {
    return undefined;
  }
}

/** Reads what `env -0` printed. */
export function parseEnvironment(text: string): Record<string, string> {
  const pairs = text.split("\0").filter((pair) => pair.includes("="));
  return Object.fromEntries(pairs.map((pair): [string, string] => {
    const at = pair.indexOf("=");
    return [pair.slice(0, at), pair.slice(at + 1)];
  }));
}
