import { assert, assertEquals } from "@std/assert";
import { walk } from "@std/fs/walk";
import { fromFileUrl } from "@std/path/from-file-url";
import { relative } from "@std/path/relative";
import { describe, it } from "@std/testing/bdd";

const repository = new URL("..", import.meta.url);

const TAG =
  /(?<=\s)@(default|param|returns?|throws|typeParam|template|see|deprecated|example|module|internal)\b/g;

/** A doc comment that stands on lines of its own. */
const COMMENT = /^ *\/\*\*(?!\/)[\s\S]*?\*\//gm;

/** All that is wrong with the tags of a file's doc comments, by line. */
function faults(text: string): string[] {
  return [...text.matchAll(COMMENT)].flatMap(({ 0: comment, index }) => {
    const first = text.slice(0, index).split("\n").length;
    let isCode = false;
    return comment.split("\n").flatMap((line, at) => {
      const content = line.replace(/^ *(\/\*\*|\*\/|\*)/, "").replace(/ *\*\/$/, "");
      if (content.includes("```")) isCode = !isCode;
      if (isCode) return [];
      const inside = [...content.matchAll(TAG)].filter(({ index }) =>
        content.slice(0, index).trim() !== "" && content.slice(0, index).split("`").length % 2 === 1
      );
      return [
        ...inside.map(([tag]) => `${first + at}: ${tag} stands inside of a line`),
        ...(/^ *@default (?!\{.+\}$)/.test(content) ? [`${first + at}: a default is written {value}`] : []),
        ...(line.length > 110 ? [`${first + at}: a comment of ${line.length} columns`] : []),
      ];
    });
  });
}

/** All files of the library, and the two above it. */
async function libraryFiles(): Promise<string[]> {
  const found = ["mod.ts", "cli.ts"];
  for await (
    const { path } of walk(fromFileUrl(new URL("lib", repository)), { exts: [".ts"], includeDirs: false })
  ) {
    found.push(relative(fromFileUrl(repository), path));
  }
  return found;
}

describe("doc comments", () => {
  it("have their tags on lines of their own", async () => {
    const files = await libraryFiles();
    for (const file of ["lib/api/run_slurm.ts", "lib/core/config.ts", "lib/task/artifact/artifact.ts"]) {
      assert(files.includes(file), `${file} is not among ${files.join(", ")}`);
    }
    const found: Record<string, string[]> = {};
    for (const file of files) {
      const wrong = faults(await Deno.readTextFile(new URL(file, repository)));
      if (wrong.length > 0) found[file] = wrong;
    }
    assertEquals(found, {});
  });

  it("with tags inside of lines are found, and nothing else", () => {
    assertEquals(faults(MADE_UP), [
      "1: @default stands inside of a line",
      "4: @param stands inside of a line",
      "6: a default is written {value}",
      "19: a comment of 116 columns",
    ]);
  });
});

const MADE_UP = `/** Said. @default 3 */
const a = 1;
/**
 * Said. @param a Said.
 *
 * @default 3
 */
const b = 1;
/**
 * A package as jsr:@std/path, a \`@default\` tag, {@link a} and \` @param \`.
 *
 * @default {3}
 * @returns Said.
 * @example
 * \`\`\`ts
 * const x = 1; // @param x
 * \`\`\`
 */
/** ${"long ".repeat(22)}*/
const c = "/** @default 3 */"; // @default 3
`;
