/** Stand-in for `jsr:@std/cli`: what furu uses of it. @module */
export * from "./parse_args.ts";
export * from "./unicode_width.ts";
