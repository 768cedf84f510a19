/** Stand-in for `jsr:@std/bytes`: what furu uses of it. @module */
export * from "./concat.ts";
export * from "./last_index_of_needle.ts";
