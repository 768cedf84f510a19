import { ConfigError } from "../errors.ts";

/** The oldest Deno that furu works with. */
export const DENO_LEAST = "2.4";

/** The oldest and the newest Deno that the tests run with. */
export const DENO_TESTED: readonly [oldest: string, newest: string] = ["2.4.2", "2.9.6"];

/** A version of Deno, and where it is. */
export interface DenoFacts {
  /** As `2.4.2`. */
  readonly version: string;
  /**
   * The program.
   *
   * @default {unknown}
   */
  readonly path?: string | undefined;
}

/** Whether a version is older than another one, as far as that one says. */
export function isOlderDeno(version: string, than: string = DENO_LEAST): boolean {
  const [own, other] = [version, than].map((text) => text.split(/[.+-]/).map(Number)) as [number[], number[]];
  for (const [i, part] of other.entries()) {
    const mine = own[i] ?? 0;
    // What is no number belongs to a release candidate or a canary, which has what the release has.
    if (mine !== part) return mine < part;
  }
  return false;
}

/**
 * Why furu does not work with a Deno.
 *
 * @param deno Which one.
 * @default {the one that runs this}
 * @returns As `furu needs Deno 2.4 or later, this is Deno 2.3.7 (/usr/bin/deno)`; nothing where it does.
 */
export function denoFault(deno?: DenoFacts): string | undefined {
  const { version, path } = deno ?? { version: Deno.version.deno, path: undefined };
  if (!isOlderDeno(version)) return undefined;
  const where = deno ? path : ownPath();
  return `furu needs Deno ${DENO_LEAST} or later, this is Deno ${version}${where ? ` (${where})` : ""}`;
}

/** What is to be done where Deno is too old. */
export const DENO_FIX = "'deno upgrade' replaces it, 'npm install deno' puts a new one into this folder";

/**
 * Makes sure that furu works with a Deno.
 *
 * @param deno Which one.
 * @default {the one that runs this}
 * @throws {ConfigError} if that is too old: says where it is, and what to do.
 */
export function requireDeno(deno?: DenoFacts): void {
  const fault = denoFault(deno);
  if (fault === undefined) return;
  const error = new ConfigError(`Cannot go on as ${fault}: ${DENO_FIX}`);
  // Where furu was imported is of no interest, and Deno shows it below what is to be done.
  error.stack = `${error.name}: ${error.message}`;
  throw error;
}

/** It may not be ours to know. */
function ownPath(): string | undefined {
  try {
    return Deno.execPath();
  } catch {
    return undefined;
  }
}
