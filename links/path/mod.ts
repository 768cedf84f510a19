/** Stand-in for `jsr:@std/path`: what furu uses of it, from npm's `deno-std`. @module */
export * from "./basename.ts";
export * from "./dirname.ts";
export * from "./extname.ts";
export * from "./from_file_url.ts";
export * from "./is_absolute.ts";
export * from "./join.ts";
export * from "./relative.ts";
export * from "./resolve.ts";
export * from "./to_file_url.ts";
