/**
 * What the Deno that runs the tests can do, where not each one that furu works with can. A test that needs it
 * is left out of older ones; docs/platforms.md tells users where that makes a difference for them.
 */
import { isOlderDeno } from "../lib/core/system/deno_range.ts";

const since = (version: string): boolean => !isOlderDeno(Deno.version.deno, version);

/** Tells with a rejection that nobody handles whose code it was. */
export const tellsWhoseRejection: boolean = since("2.7");
/** `process.getActiveResourcesInfo()`, which names the timers of `node:timers`. */
export const tellsNodeTimers: boolean =
  (globalThis as unknown as { process: Record<string, unknown> }).process.getActiveResourcesInfo !==
    undefined;
/** Has the option `--require`. */
export const canRequire: boolean = since("2.6");
/** Finds a package of JSR that is linked also where it is the program that is started. */
export const startsLinked: boolean = since("2.9");
/** Makes the documentation as today's does: what it finds wrong with it, and how it prints it. */
export const isNewest: boolean = since("2.9");
