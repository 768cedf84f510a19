import type { Store } from "../store/store.ts";

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
 * The last lines of a text, without colours and other control characters.
 *
 * @param isCut Whether its first line lacks its beginning.
 */
export function lastLines(text: string, isCut: boolean): string[] {
  // What a program redraws on one line is seen as it was in the end.
  const lines = text.replace(/\n$/, "").split("\n").map((line) => plain(line.replace(/\r$/, "")));
  return (isCut && lines.length > 1 ? lines.slice(1) : lines).slice(-MOST_LINES);
}

function plain(line: string): string {
  const last = line.slice(line.lastIndexOf("\r") + 1);
  // deno-lint-ignore no-control-regex
  return last.replace(
    /\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|[\0-\x08\x0b-\x1f\x7f]/g,
    "",
  );
}
