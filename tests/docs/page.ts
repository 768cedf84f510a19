import { join } from "@std/path/join";
import { fromFileUrl } from "@std/path/from-file-url";

/** The folder of the whole project. */
export const REPOSITORY: string = fromFileUrl(new URL("../..", import.meta.url));

/** A block of code of a page: ```` ```ts file=pipeline.ts ````. */
export interface Fence {
  /** The first word after the quotes. */
  readonly language: string;
  /** The words after it: `file=pipeline.ts`, `run`, `exit=1`, `output`. */
  readonly marks: ReadonlyMap<string, string>;
  /** The code, with its last line break. */
  readonly text: string;
  /** Where the code begins in the page, and ends. */
  readonly start: number;
  readonly end: number;
}

/** A page of the documentation. */
export interface Page {
  /** Its path, seen from the project's folder. */
  readonly path: string;
  readonly text: string;
  readonly fences: readonly Fence[];
}

/** The README and all pages of `docs/`. */
export async function readPages(): Promise<Page[]> {
  const paths = ["README.md"];
  for await (const { name } of Deno.readDir(join(REPOSITORY, "docs"))) {
    if (name.endsWith(".md")) paths.push(`docs/${name}`);
  }
  return await Promise.all(
    paths.sort().map(async (path) => {
      const text = await Deno.readTextFile(join(REPOSITORY, path));
      return { path, text, fences: fencesOf(text) };
    }),
  );
}

/** The blocks of code of a page. */
export function fencesOf(page: string): Fence[] {
  return [...page.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map(({ 1: info = "", 2: text = "", index }) => {
    const [language = "", ...marks] = info.trim().split(/\s+/);
    const start = index + info.length + 4;
    return {
      language,
      marks: new Map(marks.map((mark) => {
        const [name = "", value = ""] = mark.split("=");
        return [name, value] as const;
      })),
      text,
      start,
      end: start + text.length,
    };
  });
}

/** The programs of a page, as they are at its end, by their names. */
export function programsOf({ fences }: Page): Record<string, string> {
  return Object.fromEntries(fences.flatMap(({ marks, text }) => {
    const file = marks.get("file");
    return file?.endsWith(".ts") ? [[file, text]] : [];
  }));
}

/** The text of a page without its blocks of code. */
export function prose({ text }: Page): string {
  return text.replace(/^```[\s\S]*?^```$/gm, "");
}

/** What is written as code within the text of a page. */
export function codeSpans(page: Page): string[] {
  return [...prose(page).matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!);
}

/** A table of a page: the cells of each row. */
export type Rows = readonly (readonly string[])[];

/** The tables that stand below a comment `<!-- NAME: VALUE -->`, by the value. */
export function markedTables({ text }: Page, name: string): Map<string, Rows> {
  const marked = new RegExp(`^<!-- ${name}: (.+) -->\\n\\n((?:\\|.*\\n)+)`, "gm");
  return new Map([...text.matchAll(marked)].map(([, value = "", table = ""]) => {
    // A bar within a cell is written with a backslash.
    const rows = table.trim().split("\n").map((row) =>
      row.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim().replaceAll("\\|", "|"))
    );
    return [value, rows.slice(2)];
  }));
}

/** The names in the first column of a table, which are written as code. */
export function firstNames(rows: Rows): string[] {
  return rows.flatMap(([cell = ""]) => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!));
}
