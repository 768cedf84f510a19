import manifest from "../../deno.json" with { type: "json" };

/** What `--version` prints: furu's version and those of what it runs on. */
export function versionText(): string {
  const { deno, v8, typescript } = Deno.version;
  return `furu ${manifest.version} (deno ${deno}, v8 ${v8}, typescript ${typescript}, ${Deno.build.target})\n`;
}
