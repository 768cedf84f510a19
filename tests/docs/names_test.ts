import { assert, assertEquals } from "@std/assert";
import { dirname } from "@std/path/dirname";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { commands } from "../../lib/cli/commands/commands.ts";
import { globalFlags } from "../../lib/cli/program/flag.ts";
import { codeSpans, firstNames, markedTables, type Page, prose, readPages, REPOSITORY } from "./page.ts";
import { isNewest } from "../this_deno.ts";

const pages = await readPages();

/** Every command line `furu ...` of a page: in blocks of shell, and in code spans. */
function furuLines(page: Page): string[] {
  const shell = page.fences.filter(({ language }) => language === "sh").flatMap(({ text }) =>
    text.split("\n")
  );
  const lines = [...shell, ...codeSpans(page)].map((line) => line.replace(/(^|\s)#\s.*$/, ""));
  return lines.flatMap((line) => line.split(/\||&&|;/)).map((line) => line.trim())
    .filter((line) => /^(\.\/|sudo )?furu( |$)/.test(line));
}

/** The anchor that forges make of a heading. */
function anchorOf(heading: string): string {
  return heading.toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").trim().replaceAll(/\s/g, "-");
}

/** What `deno doc` shows, with the arguments of `deno task docs`. */
const api = apiSymbols("mod.ts", "lib/api/testing.ts");

describe("the pages name", { ignore: !isNewest }, () => {
  it("only commands and flags that there are", async () => {
    const faults: string[] = [];
    let seen = 0;
    for (const page of pages) {
      for (const line of furuLines(page)) {
        const [, name = "", ...words] = line.split(/\s+/);
        if (!/^[a-z]+$/.test(name)) continue;
        const command = commands.find((each) => each.name === name);
        if (command === undefined) {
          faults.push(`${page.path}: there is no command '${name}': ${line}`);
          continue;
        }
        const flags = { ...globalFlags, ...(await command.load()).flags } as Record<
          string,
          { short?: string }
        >;
        for (const word of words) {
          const [, dashes, flag = ""] = /^(--?)([a-z][a-z-]*)/.exec(word) ?? [];
          if (dashes === undefined) continue;
          seen++;
          const isKnown = dashes === "--"
            ? flag in flags
            : Object.values(flags).some(({ short }) => short === flag);
          if (!isKnown) faults.push(`${page.path}: 'furu ${name}' has no flag ${dashes}${flag}: ${line}`);
        }
      }
    }
    assert(seen > 50, `only ${seen} flags were found`);
    assertEquals(faults, []);
  });

  it("every command", () => {
    const named = new Set(pages.flatMap(furuLines).map((line) => line.split(/\s+/)[1]));
    const all = commands.filter(({ hidden }) => !hidden).map(({ name }) => name);
    assertEquals(all.filter((name) => !named.has(name)), []);
  });

  it("every option of the public functions, and no other", async () => {
    const members = membersOf(await api);
    const tables = new Map(pages.flatMap((page) => [...markedTables(page, "options")]));
    const expected = [...members.keys()].filter((name) =>
      /Options$|^SlurmSpec$|^SlurmSettings$|^Migration|^CreateContext$|^StoredContext$/.test(name) &&
      !["FuruErrorOptions", "RunSlurmOptions"].includes(name)
    );
    assert(expected.includes("TaskOptions") && expected.includes("RunLocalOptions"), expected.join());
    assertEquals([...tables.keys()].sort(), expected.sort(), "tables that are marked as options");
    for (const [name, rows] of tables) {
      // Those that come from a `Pick` are not among the members.
      const own = members.get(name)!;
      const named = firstNames(rows);
      if (name === "RunInlineOptions") assertEquals(own.filter((each) => !named.includes(each)), [], name);
      else assertEquals(named.toSorted(), own.toSorted(), name);
    }
  });

  it("only pages, files and headings that there are", async () => {
    const anchors = new Map(pages.map((page) => [
      page.path,
      new Set([...prose(page).matchAll(/^#+ (.+)$/gm)].map(([, title]) => anchorOf(title!))),
    ]));
    const faults: string[] = [];
    let seen = 0;
    for (const page of pages) {
      for (const [, target = ""] of prose(page).matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^https?:/.test(target)) continue;
        seen++;
        const [file = "", anchor] = target.split("#");
        const path = file === "" ? page.path : join(dirname(page.path), file);
        const there = await Deno.stat(join(REPOSITORY, path)).catch(() => undefined);
        if (!there) faults.push(`${page.path}: there is no ${target}`);
        else if (anchor !== undefined && anchors.get(path)?.has(anchor) === false) {
          faults.push(`${page.path}: there is no heading ${target}`);
        }
      }
    }
    assert(seen > 40, `only ${seen} links were found`);
    assertEquals(faults, []);
  });

  it("every page in the index", () => {
    const index = pages.find(({ path }) => path === "docs/README.md")!.text;
    const all = pages.map(({ path }) => path).filter((path) => /^docs\/(?!README)/.test(path));
    assertEquals(all.filter((path) => !index.includes(`(${path.slice("docs/".length)})`)), []);
  });
});

describe("the pages of the API", { ignore: !isNewest }, () => {
  it("have zod as one entry", async () => {
    const found = (await api).filter(({ name }) => name === "z");
    assertEquals(found.map(({ declarations }) => declarations[0]?.def?.elements), [[]]);
    assert((await api).length < 150, `there are ${(await api).length} symbols`);
  });
});

interface ApiSymbol {
  name: string;
  declarations: { def?: { properties?: { name: string }[]; elements?: unknown[] } }[];
}

async function apiSymbols(...modules: string[]): Promise<ApiSymbol[]> {
  const { tasks } = JSON.parse(await Deno.readTextFile(join(REPOSITORY, "deno.json"))) as {
    tasks: Record<string, string>;
  };
  const flags = tasks.docs!.split(" ").filter((word) => /^--(quiet|no-npm|import-map=.*)$/.test(word));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", ...flags, ...modules],
    cwd: REPOSITORY,
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout)) as {
    nodes: Record<string, { symbols: ApiSymbol[] }>;
  };
  return Object.values(nodes).flatMap(({ symbols }) => symbols);
}

/** The names of the members of each exported interface. */
function membersOf(symbols: readonly ApiSymbol[]): Map<string, string[]> {
  return new Map(symbols.flatMap(({ name, declarations }) => {
    const properties = declarations[0]?.def?.properties;
    return properties ? [[name, properties.map((each) => each.name)] as const] : [];
  }));
}
