import { environmentVariables } from "../../core/environment.ts";

/** Programs that open a file with whatever is there for it. */
const OPENERS: Readonly<Record<string, string>> = { linux: "xdg-open", darwin: "open" };

/**
 * Opens a file, or an address, with the program that this machine has for it.
 *
 * @returns Whether there was a program, and a display that it can show something on.
 */
export async function openWithProgram(path: string): Promise<boolean> {
  const opener = OPENERS[Deno.build.os];
  const { DISPLAY, WAYLAND_DISPLAY } = environmentVariables();
  const hasDisplay = Deno.build.os !== "linux" || DISPLAY !== undefined || WAYLAND_DISPLAY !== undefined;
  if (opener === undefined || !hasDisplay) return false;
  try {
    const { success } = await new Deno.Command(opener, { args: [path], stdout: "null", stderr: "null" })
      .output();
    return success;
  } catch {
    return false;
  }
}
