/** Together they stay far below what the kernel takes as arguments. */
const MAX_ARGUMENTS = 100_000;

/** Job ids in parts that can each be the arguments of one program. */
export function* idChunks(ids: readonly string[]): Generator<string[]> {
  let chunk: string[] = [];
  let length = 0;
  for (const id of ids) {
    if (length + id.length + 1 > MAX_ARGUMENTS) {
      yield chunk;
      chunk = [];
      length = 0;
    }
    chunk.push(id);
    length += id.length + 1;
  }
  if (chunk.length > 0) yield chunk;
}

/** Job ids as a message names them. */
export function shortList(ids: readonly string[]): string {
  return ids.length <= 5
    ? `job ${ids.join(", ")}`
    : `${ids.length} jobs (${ids.slice(0, 5).join(", ")}, ...)`;
}
