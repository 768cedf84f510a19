/** Stand-in for `jsr:@std/jsonc`: what furu uses of it. @module */
export * from "./parse.ts";
