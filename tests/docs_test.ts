import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { describe, it } from "@std/testing/bdd";
import { isNewest } from "./this_deno.ts";

// What `deno doc --json` prints (version 2), as far as it is read here.
interface Docs {
  version: number;
  nodes: Record<string, { module_doc?: JsDoc; symbols: Symbol[] }>;
}
interface JsDoc {
  doc?: string;
  tags?: { kind: string; value?: string }[];
}
interface Symbol {
  name: string;
  declarations: Declaration[];
}
interface Declaration {
  kind: string;
  declarationKind: string;
  location: { filename: string };
  jsDoc?: JsDoc;
  def?: { hasBody?: boolean; properties?: Member[]; methods?: Member[]; members?: Member[] };
}
interface Member {
  name: string;
  jsDoc?: JsDoc;
  accessibility?: "private" | "protected" | null;
}

const repository = new URL("..", import.meta.url);

async function docsOf(...modules: string[]): Promise<Docs> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", ...modules],
    cwd: fromFileUrl(repository),
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  const docs = JSON.parse(new TextDecoder().decode(stdout)) as Docs;
  assertEquals(docs.version, 2);
  return docs;
}

/** Exports, and members of them, that say nothing of themselves; and how many were looked at. */
function undocumented(docs: Docs, folder: string): { names: string[]; seen: number } {
  const names: string[] = [];
  let seen = 0;
  const look = (name: string, jsDoc: JsDoc | undefined): void => {
    seen++;
    if (jsDoc?.doc === undefined || jsDoc.doc.trim() === "") names.push(name);
  };
  for (const [url, { module_doc, symbols }] of Object.entries(docs.nodes)) {
    look(url.slice(folder.length), module_doc);
    for (const { name, declarations } of symbols) {
      // What is passed on from a dependency is documented there.
      const own = declarations.filter(({ location, declarationKind }) =>
        location.filename.startsWith(folder) && declarationKind === "export"
      ).filter(({ def }, _, all) => all.length === 1 || def?.hasBody !== true); // overloads hide the last one
      for (const { jsDoc, kind, def } of own) {
        if (kind !== "moduleDoc") look(name, jsDoc);
        for (const member of [...def?.properties ?? [], ...def?.methods ?? [], ...def?.members ?? []]) {
          if (member.accessibility !== "private") look(`${name}.${member.name}`, member.jsDoc);
        }
      }
    }
  }
  return { names, seen };
}

/** The errors of `deno doc --lint` about files of a folder. */
function lintErrors(text: string, folder: string): { text: string; place: string }[] {
  return [...text.matchAll(/^error\[[a-z-]+\]: (.*)\n *--> (.*)$/gm)].flatMap(([, text = "", place = ""]) =>
    place.startsWith(folder) ? [{ text, place: place.slice(folder.length) }] : []
  );
}

// `deno doc` of an older Deno has other rules, and prints something else.
describe("the documentation", { ignore: !isNewest }, () => {
  it("says something of every export of our own, of its members, and of each module", async () => {
    const { names, seen } = undocumented(
      await docsOf("mod.ts", "cli.ts", "lib/api/testing.ts"),
      repository.href,
    );
    assert(seen > 200, `only ${seen} exports and members were found`);
    assertEquals(names, []);
  });

  it("names every type of our own that a reader meets", async () => {
    const { stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["doc", "--lint", "mod.ts", "cli.ts", "lib/api/testing.ts"],
      cwd: fromFileUrl(repository),
      env: { NO_COLOR: "1" },
    }).output();
    const found = lintErrors(new TextDecoder().decode(stderr), fromFileUrl(repository));
    // Zod's own, which a reader has as z.ZodObject and so on: they are found, so that ours would be.
    const ofZod = /references private type '(ZodObject|ZodCustom|input|output)'$/;
    assert(found.some(({ text }) => ofZod.test(text)), "deno doc --lint found nothing");
    assertEquals(found.filter(({ text }) => !ofZod.test(text)), []);
  });

  it("has a default for each option that has one, as a tag that JSR renders", async () => {
    const { symbols = [] } = Object.values((await docsOf("mod.ts")).nodes)[0] ?? {};
    const defaults = (name: string): Record<string, string> =>
      Object.fromEntries(
        symbols.find((symbol) => symbol.name === name)?.declarations[0]?.def?.properties?.flatMap(
          (member) => {
            const tag = member.jsDoc?.tags?.find(({ kind }) => kind === "default");
            return tag?.value === undefined ? [] : [[member.name, tag.value]];
          },
        ) ?? [],
      );
    assertEquals(defaults("GetOptions"), { force: "false" });
    assertEquals(defaults("RunDagOptions"), {});
    const { window, keepGoing, isolation } = defaults("RunLocalOptions");
    assertEquals({ window, keepGoing, isolation }, {
      window: '"bfs"',
      keepGoing: "false",
      isolation: '"process"',
    });
    // Every one of these has a default.
    const all = (name: string): string[] =>
      symbols.find((symbol) => symbol.name === name)!.declarations[0]!.def!.properties!.map((member) =>
        member.name
      );
    assertEquals(Object.keys(defaults("ConfigOptions")), all("ConfigOptions"));
    assertEquals(Object.keys(defaults("SlurmSpec")), all("SlurmSpec"));
    const without = ["onEvent", "signal"];
    for (const name of ["RunLocalOptions", "SlurmOptions", "RunPoolOptions"]) {
      assertEquals(Object.keys(defaults(name)), all(name).filter((each) => !without.includes(each)), name);
    }
  });

  it("finds what is not documented", async () => {
    const folder = await Deno.makeTempDir();
    try {
      const path = `${folder}/made_up.ts`;
      await Deno.writeTextFile(path, MADE_UP);
      const { names } = undocumented(await docsOf(path), `file://${folder}/`);
      assertEquals(names, ["made_up.ts", "A.b", "A.c", "d", "e", "F.g"]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
});

const MADE_UP = `
/** Said. */
export interface A {
  /** Said. */
  a: number;
  b: number;
  c(): void;
}
export const d = 1;
/** @returns something */
export function e(): void {}
/** Said. */
export class F {
  g = 1;
  #h = 1;
  private i = 1;
  /** Said. */
  j(): void {}
}`;
