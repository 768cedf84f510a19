/**
 * The number of names asked for from which on node:fs is worth the time that it takes to load: as much as the
 * errors that Deno makes of a thousand missing files, and as much as most of an empty program's whole start.
 */
const MANY = 500;

let asked = 0;
let native: ((path: string) => boolean) | undefined;

/**
 * Whether there is something of that name, which is where a symbolic link leads. What cannot be told is not
 * there. Deno has no other way to ask than one that makes an error of each name that is missing.
 *
 * @throws {Deno.errors.NotCapable} If this process may not read it.
 */
export function fileExists(path: string): boolean {
  if (native) return native(path);
  if (++asked >= MANY) {
    // On demand and at once, as only this call can: an `import` would be loaded by every process.
    const { process } = globalThis as unknown as { process: typeof import("node:process") };
    native = process.getBuiltinModule("node:fs").existsSync;
  }
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return false;
  }
}
