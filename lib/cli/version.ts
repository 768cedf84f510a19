import { FURU_VERSION } from "../core/version.ts";

/** What `--version` prints: furu's version and those of what it runs on. */
export function versionText(): string {
  const { deno, v8, typescript } = Deno.version;
  return `furu ${FURU_VERSION} (deno ${deno}, v8 ${v8}, typescript ${typescript}, ${Deno.build.target})\n`;
}
