/**
 * Makes `lib/page/page_bundle.ts` of the sources in `client` and of the libraries that they use: `deno task
 * page`. The bundle is committed, so that furu needs neither them nor a build.
 */
import { createRequire } from "node:module";
import { dirname } from "@std/path/dirname";
import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import { toBase64 } from "../lib/core/json/base64.ts";
import { sourcesDigest } from "./sources.ts";

const client = fromFileUrl(new URL("client", import.meta.url));
const require = createRequire(`${client}/main.ts`);

/** The libraries whose code gets into the page. */
const LIBRARIES = ["cytoscape", "@dagrejs/dagre", "@dagrejs/graphlib", "tabulator-tables", "uplot"];

async function run(args: string[]): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: client,
    stdout: "inherit",
    stderr: "inherit",
  })
    .output();
  if (!success) Deno.exit(1);
}

/** A file of a package of npm. */
async function fileOf(name: string, path: string): Promise<string> {
  let folder = dirname(name === "@dagrejs/graphlib" ? graphlib() : require.resolve(name));
  while (!await exists(join(folder, "package.json"))) folder = dirname(folder);
  return await Deno.readTextFile(join(folder, path));
}

function graphlib(): string {
  return createRequire(require.resolve("@dagrejs/dagre")).resolve("@dagrejs/graphlib");
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

async function licences(): Promise<string> {
  const texts = await Promise.all(LIBRARIES.map(async (name) => {
    const { version } = JSON.parse(await fileOf(name, "package.json"));
    return `${name} ${version}\n\n${(await fileOf(name, "LICENSE")).trim()}`;
  }));
  // What could end the comment, or the script.
  return `Contains:\n\n${texts.join("\n\n---\n\n")}`.replaceAll("*/", "* /").replaceAll("</", "< /");
}

/** Base64 of what gzip makes of a text. */
async function packed(text: string): Promise<string> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return toBase64(await new Response(stream).bytes());
}

async function main(): Promise<void> {
  const output = await Deno.makeTempFile({ suffix: ".js" });
  await run([
    "bundle",
    "--quiet",
    "--platform",
    "browser",
    "--format",
    "iife",
    "--minify",
    "-o",
    output,
    "main.ts",
  ]);
  // Nothing in it may end the element that it stands in.
  const code = (await Deno.readTextFile(output)).replaceAll("</script", "<\\/script").replaceAll(
    "<!--",
    "<\\!--",
  );
  await Deno.remove(output);
  const script = `/*!\n${await licences()}\n*/\n${code.replace(/\n?\/\/# sourceMappingURL=.*\n?$/, "")}`;
  const style = [
    await fileOf("tabulator-tables", "dist/css/tabulator_simple.min.css"),
    await fileOf("uplot", "dist/uPlot.min.css"),
    await Deno.readTextFile(join(client, "style.css")),
  ].join("\n").replaceAll(/\/\*# sourceMappingURL=.*?\*\//g, "");
  const module = `// deno-fmt-ignore-file
// deno-lint-ignore-file
// Made by \`deno task page\` of the folder \`page/client\`: not to be edited.

/**
 * The digest of the sources that this was made of, their libraries included: a test compares it.
 */
export const PAGE_SOURCES = "${await sourcesDigest()}";

/**
 * The script of the page, gzipped, in base64. The licences of the libraries in it are at its beginning.
 */
export const PAGE_SCRIPT =
  "${await packed(script)}";

/**
 * Its style, in the same form.
 */
export const PAGE_STYLE =
  "${await packed(style)}";
`;
  await Deno.writeTextFile(join(client, "../../lib/page/page_bundle.ts"), module);
  console.log(
    `lib/page/page_bundle.ts: ${module.length} bytes; script ${script.length}, style ${style.length}`,
  );
}

await main();
