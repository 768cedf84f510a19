import { arrayIndices } from "./array.ts";
import { jobState } from "./job_state.ts";
import type { JobEntry } from "./parse.ts";

/** What `sacct -o` is given for {@link parseAccounting}; the name can hold anything, so it comes last. */
export const ACCOUNTING_FORMAT = "JobID,State,JobName";

const ROW = /^(\d+)(?:_(?:(\d+)|\[([^\]]*)\]))?(\.[^|]+|\+\d+)?\|([A-Z_]+(?: [^|]*)?)\|(.*)$/s;

/**
 * Reads what `sacct -n -P -o` {@link ACCOUNTING_FORMAT} printed. Rows of steps (`.batch`) and of further parts of a job
 * are left out. Of a job with several rows, as a requeued one has, the last counts.
 *
 * @returns `undefined` when the text is no such list.
 */
export function parseAccounting(text: string): JobEntry[] | undefined {
  const entries = new Map<string, JobEntry>();
  let rows = 0;
  for (const line of text.split("\n")) {
    const match = ROW.exec(line);
    if (!match) {
      // The rest of a name with a newline; before the first row it is some other text.
      if (line.trim() === "" || rows > 0) continue;
      return undefined;
    }
    rows++;
    const [, jobId = "", index, pending, step, state = "", name = ""] = match;
    if (step !== undefined) continue;
    const indices = index !== undefined
      ? [Number(index)]
      : pending !== undefined
      ? arrayIndices(pending)
      : [];
    const entry = { jobId, name, restarts: 0, state: jobState(state) };
    if (indices?.length === 0) entries.set(jobId, entry);
    for (const each of indices ?? []) entries.set(`${jobId}_${each}`, { ...entry, index: each });
  }
  return [...entries.values()];
}
