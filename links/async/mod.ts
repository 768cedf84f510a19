/** Stand-in for `jsr:@std/async`: what furu uses of it, from npm's `deno-std`. @module */
export * from "./abortable.ts";
export * from "./deadline.ts";
export * from "./delay.ts";
export * from "./pool.ts";
export * from "./retry.ts";
