import { join } from "@std/path/join";

/** The path of an installed program; daemons are in folders that are not on everybody's PATH. */
export function findProgram(program: string): string | undefined {
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/usr/local/sbin", "/sbin"];
  return folders.map((folder) => join(folder, program)).find((path) => readable(path));
}

function readable(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** Runs a program to its end; its trimmed stdout. @throws when it fails, with its stderr. */
export async function runProgram(
  program: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(findProgram(program) ?? program, {
    args,
    // Nothing of ours: the tests themselves may run in a job of another cluster.
    clearEnv: true,
    env: { PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin", HOME: Deno.env.get("HOME") ?? "/", ...env },
    stdin: "null",
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  if (code !== 0) {
    throw new Error(`${program} ${args.join(" ")} ended with ${code}: ${text(stderr)}`);
  }
  return text(stdout);
}
