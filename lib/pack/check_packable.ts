import { PackError } from "./pack_error.ts";

/**
 * Refuses to pack where that makes no program that could run.
 *
 * @param build The Deno that would be packed. @default this one
 * @throws {PackError} in a compiled program, which has no whole Deno to give away, and anywhere but on Linux.
 */
export function checkPackable(
  { os, standalone }: Pick<typeof Deno.build, "os" | "standalone"> = Deno.build,
): void {
  if (standalone) {
    throw new PackError(
      "Cannot pack as this program was compiled and has no whole Deno in it: use 'deno run'",
    );
  }
  if (os !== "linux") {
    throw new PackError(
      `Cannot pack on ${os} as a packed file holds the Deno that makes it, and starts on Linux only: pack on Linux, or use 'deno compile'`,
    );
  }
}
