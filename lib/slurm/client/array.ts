/**
 * Splits jobs of one kind into arrays.
 *
 * @param count How many jobs.
 * @param maxArraySize Slurm's MaxArraySize: indices go up to one less.
 * @returns What `--array` takes for each: `["0-1000", "0-199"]`. Empty where Slurm has arrays switched off (0).
 */
export function arrayRanges(count: number, maxArraySize: number): string[] {
  const ranges: string[] = [];
  for (let left = maxArraySize > 0 ? count : 0; left > 0; left -= maxArraySize) {
    ranges.push(`0-${Math.min(left, maxArraySize) - 1}`);
  }
  return ranges;
}

/**
 * The indices in Slurm's short form, as pending arrays are shown: `0-3,7,9-13:2%2` is 0 1 2 3 7 9 11 13.
 *
 * @returns `undefined` for anything else, also where Slurm itself has shortened it with `...`.
 */
export function arrayIndices(text: string): number[] | undefined {
  const indices: number[] = [];
  for (const part of text.replace(/%\d+$/, "").split(",")) {
    const match = /^(\d{1,8})(?:-(\d{1,8})(?::(\d{1,8}))?)?$/.exec(part);
    if (!match) return undefined;
    const [first = 0, last = first, step = 1] = match.slice(1).map((digits) =>
      digits === undefined ? undefined : Number(digits)
    );
    // Arrays have at most some million tasks: more is no index list.
    if (step < 1 || last < first || indices.length + (last - first) / step > 5_000_000) return undefined;
    for (let index = first; index <= last; index += step) indices.push(index);
  }
  return indices;
}
