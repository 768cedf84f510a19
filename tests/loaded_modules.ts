import { fromFileUrl } from "@std/path/from-file-url";

const repository = new URL("..", import.meta.url);

interface InfoModule {
  specifier: string;
  dependencies?: { code?: { specifier: string }; isDynamic?: boolean }[];
}

/** URLs of all that is loaded with some modules of the project, without what is imported when it is used. */
export async function loadedWith(entries: string[]): Promise<string[]> {
  const dir = await Deno.makeTempDir();
  try {
    const entry = `${dir}/entry.ts`;
    const urls = entries.map((path) => new URL(path, repository).href);
    await Deno.writeTextFile(entry, urls.map((url) => `import ${JSON.stringify(url)};`).join("\n"));
    const config = fromFileUrl(new URL("deno.json", repository));
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--no-lock", "--config", config, entry],
    }).output();
    const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as { modules: InfoModule[] };
    const bySpecifier = new Map(modules.map((each) => [each.specifier, each]));
    const loaded = new Set(urls);
    for (const specifier of loaded) {
      for (const { code, isDynamic } of bySpecifier.get(specifier)?.dependencies ?? []) {
        if (code && !isDynamic) loaded.add(code.specifier);
      }
    }
    return [...loaded];
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}
