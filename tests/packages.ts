import { fromFileUrl } from "@std/path/from-file-url";
import { toFileUrl } from "@std/path/to-file-url";
import { denoDir } from "./deno_dir.ts";

const LINKS = fromFileUrl(new URL("../links", import.meta.url));

/** The packages of npm that furu needs, as a package.json names them. */
export const PACKAGES: Record<string, string> = { "zod": "^4", "@noble/hashes": "^2", "deno-std": "1.4.0" };

/** An import map with all that furu imports, and more: for projects that have no deno.json. */
export function importMap(imports: Record<string, string> = {}): string {
  const { imports: own } = JSON.parse(Deno.readTextFileSync(`${LINKS}/../deno.json`));
  const std: Record<string, string> = { "zod": own.zod, "@noble/hashes/": own["@noble/hashes/"] };
  for (const { name, isDirectory } of Deno.readDirSync(LINKS)) {
    if (!isDirectory) continue;
    const { exports } = JSON.parse(Deno.readTextFileSync(`${LINKS}/${name}/deno.json`));
    for (const [key, path] of Object.entries<string>(exports)) {
      std[`@std/${name}${key.slice(1)}`] = toFileUrl(`${LINKS}/${name}/${path}`).href;
    }
  }
  return JSON.stringify({ imports: { ...std, ...imports } });
}

/** Links the packages that furu needs into a `node_modules` folder, as Deno's cache has them: nothing is downloaded. */
export function linkPackages(modules: string): void {
  Deno.mkdirSync(`${modules}/@noble`, { recursive: true });
  for (const name of Object.keys(PACKAGES)) {
    const folder = `${denoDir()}/npm/registry.npmjs.org/${name}`;
    const version = [...Deno.readDirSync(folder)].find(({ isDirectory }) => isDirectory)!;
    Deno.symlinkSync(`${folder}/${version.name}`, `${modules}/${name}`);
  }
}
