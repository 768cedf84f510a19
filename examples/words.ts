/**
 * Map-reduce over the text files of a folder: one artifact per file, made when the pipeline starts.
 *
 * `deno run -A examples/words.ts [folder]`. Change, add or remove a file: only what it concerns is computed again.
 */
import { defineTask, file, get, runLocal, z } from "@furu/furu";
import { walk } from "@std/fs/walk";
import { fromFileUrl } from "@std/path/from-file-url";

/** Counts the words of one file. What identifies it is the content, wherever the file lies. */
export const Count = defineTask({
  name: "words/Count",
  params: z.object({ text: file.schema }),
  create: async ({ params }) => {
    const text = await Deno.readTextFile(params.text.path);
    const counts = new Map<string, number>();
    for (const [word] of text.toLowerCase().matchAll(/\p{L}+/gu)) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
    return counts; // a Map is stored as it is, as are Date, Set, bigint and typed arrays
  },
});

/** Adds the counts of all files. */
export const Total = defineTask({
  name: "words/Total",
  params: z.object({ files: z.array(Count.schema), top: z.int().min(1).default(10) }),
  create: async ({ params }) => {
    const total = new Map<string, number>();
    for (const counts of params.files) {
      for (const [word, count] of await get(counts)) total.set(word, (total.get(word) ?? 0) + count);
    }
    const ranked = [...total].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    return { words: total.size, top: ranked.slice(0, params.top) };
  },
});

/** The pipeline over a folder: as wide as there are text files in it now. */
export async function countWords(folder: string): Promise<ReturnType<typeof Total>> {
  const files = [];
  for await (const { path } of walk(folder, { exts: [".txt"], includeDirs: false })) {
    files.push(Count({ text: await file(path) }));
  }
  // The order in which a folder lists its files is no part of what is computed.
  return Total({ files: files.sort((a, b) => a.hash < b.hash ? -1 : 1) });
}

const samples = fromFileUrl(new URL("words", import.meta.url));

export default (): ReturnType<typeof countWords> => countWords(samples); // called by the one that runs it only

if (import.meta.main) {
  const total = await countWords(Deno.args[0] ?? samples);
  await runLocal([total]);
  const { words, top } = await get(total);
  console.log(`${words} different words; the most frequent:`);
  for (const [word, count] of top) console.log(`${String(count).padStart(6)} ${word}`);
}
