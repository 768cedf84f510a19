import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import { toFileUrl } from "@std/path/to-file-url";
import { sha256Bytes } from "../lib/core/hash.ts";

const FOLDER = "page/client";
const root = fromFileUrl(new URL("..", import.meta.url));

/** The digest of all that the bundle of the page is made of: its sources, what they import, and the libraries. */
export async function sourcesDigest(): Promise<string> {
  const parts: string[] = [];
  const own = [...Deno.readDirSync(join(root, FOLDER))].filter(({ name }) => /\.(ts|css)$/.test(name));
  const paths = ["page/build.ts", ...own.map(({ name }) => `${FOLDER}/${name}`)];
  for (const path of paths.toSorted()) {
    const text = await Deno.readTextFile(join(root, path));
    parts.push(path, text);
    // Of what is furu's own only these functions get into the bundle, not all that is beside them.
    for (
      const [, names, from] of text.matchAll(/^import \{ ([^}]+) \} from "\.\.\/\.\.\/(lib\/[^"]+)";$/gm)
    ) {
      const module: Record<string, unknown> = await import(toFileUrl(join(root, from!)).href);
      for (const name of names!.split(", ")) {
        if (!name.startsWith("type ")) parts.push(name, `${module[name]}`);
      }
    }
  }
  const { specifiers, npm } = JSON.parse(await Deno.readTextFile(join(root, "deno.lock"))) as {
    specifiers: Record<string, string>;
    npm: Record<string, { integrity: string; dependencies?: string[] }>;
  };
  const { imports } = JSON.parse(await Deno.readTextFile(join(root, `${FOLDER}/deno.json`))) as {
    imports: Record<string, string>;
  };
  for (const specifier of Object.values(imports).sort()) {
    const name = specifier.replace(/^npm:/, "").replace(/@[^@]*$/, "");
    const found = npm[`${name}@${specifiers[specifier]}`];
    parts.push(specifier, found?.integrity ?? "", ...(found?.dependencies ?? []));
  }
  const bytes = new TextEncoder().encode(parts.join("\0"));
  return await sha256Bytes(bytes);
}
