/**
 * `deno task check:defaults`: checks furu, the README's example, the programs of the pages in `docs/` and a pipeline
 * that is to be published, as they are checked in a fresh project of a user's: with the compiler options that Deno has by
 * default, whatever those in furu's own deno.json.
 *
 * @module
 */
import { assert } from "@std/assert";
import { dirname } from "@std/path/dirname";
import { programsOf, readPages } from "./docs/page.ts";
import { projectConfig } from "./snapshot/rig.ts";

/** The first block of code of the README, which is a whole pipeline. */
function example(): string {
  const readme = Deno.readTextFileSync(new URL("../README.md", import.meta.url));
  const [, code] = /^```ts\n(\/\/ pipeline\.ts\n[\s\S]*?)^```$/m.exec(readme) ?? [];
  assert(code !== undefined, "The README has no pipeline.ts");
  return code;
}

/** What it exports has types that are written out, as JSR asks for. */
const PUBLISHED = `/** A pipeline. @module */
import { type Artifact, type ArtifactSchema, defineTask, get, type Task, z } from "@furu/furu";

/** The data. */
export const Data: Task<z.ZodObject<{ size: z.ZodNumber }>, number[]> = defineTask({
  name: "published/Data",
  params: z.object({ size: z.number() }),
  create: ({ params }) => [params.size],
});

/** The training. */
export const Train: Task<
  z.ZodObject<{ data: ArtifactSchema<number[], { size: number }>; lr: z.ZodNumber }>,
  { loss: number }
> = defineTask({
  name: "published/Train",
  params: z.object({ data: Data.schema, lr: z.number() }),
  create: async ({ params }) => ({ loss: (await get(params.data)).length * params.lr }),
});

/** The root. */
export const root: Artifact<{ loss: number }> = Train({ data: Data({ size: 3 }), lr: 1 });
`;

/** Runs Deno in a project's folder. */
function deno(cwd: string, ...args: string[]): number {
  const command = new Deno.Command(Deno.execPath(), { args, cwd, stdout: "inherit", stderr: "inherit" });
  return command.outputSync().code;
}

if (import.meta.main) {
  const folder = Deno.makeTempDirSync();
  const config = { name: "@someone/pipeline", version: "0.1.0", license: "MIT", exports: "./published.ts" };
  let code: number;
  try {
    const files = {
      "deno.json": projectConfig({ ...config, publish: { include: ["deno.json", "published.ts"] } }),
      "pipeline.ts": example(),
      "published.ts": PUBLISHED,
      "program.ts": `import "@furu/furu/cli";\n`,
    };
    const programs = Object.fromEntries(
      (await readPages()).flatMap((page) =>
        Object.entries(programsOf(page)).map((
          [name, text],
        ) => [`${page.path.replace(".md", "")}/${name}`, text])
      ),
    );
    for (const [name, text] of Object.entries({ ...files, ...programs })) {
      Deno.mkdirSync(dirname(`${folder}/${name}`), { recursive: true });
      Deno.writeTextFileSync(`${folder}/${name}`, text);
    }
    code = deno(folder, "check", "pipeline.ts", "published.ts", "program.ts", ...Object.keys(programs)) ||
      deno(folder, "publish", "--dry-run", "--allow-dirty", "--no-check", "--quiet");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
  Deno.exit(code);
}
