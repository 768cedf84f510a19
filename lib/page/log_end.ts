import type { Store } from "../store/store.ts";
import { plainLines } from "../ui/text.ts";

/** Bytes at the end of a log that are read. */
const MOST_BYTES = 16_384;
/** So many of its last lines are shown. */
const MOST_LINES = 40;

/** The last lines of a log; none where it cannot be read: it is for people. */
export async function logEnd(store: Store, path: string): Promise<string[]> {
  const { files } = store.machine;
  try {
    const size = (await files.stat(path))?.size ?? 0;
    const from = Math.max(0, size - MOST_BYTES);
    return lastLines(new TextDecoder().decode(await files.readBytes(path, from)), from > 0);
  } catch {
    return [];
  }
}

/**
 * The last lines of a text, as a terminal shows them in the end.
 *
 * @param isCut Whether its first line lacks its beginning.
 */
export function lastLines(text: string, isCut: boolean): string[] {
  const lines = plainLines(text.replace(/\n$/, "")).map((line) => line.replaceAll(CONTROLS, ""));
  return (isCut && lines.length > 1 ? lines.slice(1) : lines).slice(-MOST_LINES);
}

/** What would be boxes on a page; tabs are not. */
const CONTROLS = /(?!\t)\p{Cc}/gu;
