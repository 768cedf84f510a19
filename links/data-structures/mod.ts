/** Stand-in for `jsr:@std/data-structures`: what furu uses of it, from npm's `deno-std`. @module */
export * from "./binary_heap.ts";
