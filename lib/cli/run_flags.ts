import { UsageError } from "../core/errors.ts";
import { wholeNumber } from "./flag.ts";

/** `4`, or one number per spec: `gpu=1,default=8`. @throws {UsageError} saying what is allowed. */
export function parseWorkers(text: string): number | Record<string, number> {
  if (!text.includes("=")) return wholeNumber(text, 1);
  const workers: Record<string, number> = {};
  for (const part of text.split(",")) {
    const [, spec, count] = /^([A-Za-z0-9_-][A-Za-z0-9_.-]*)=(.*)$/.exec(part.trim()) ?? [];
    if (spec === undefined || count === undefined) {
      throw new UsageError(
        `a number, or SPEC=N with commas between (gpu=1,default=8) is needed: current value is '${text}'`,
      );
    }
    if (Object.hasOwn(workers, spec)) throw new UsageError(`spec ${spec} has two numbers in '${text}'`);
    workers[spec] = wholeNumber(count, 1);
  }
  return workers;
}

/** `dfs`, `bfs` or how many roots are worked on at a time. @throws {UsageError} saying what is allowed. */
export function parseWindow(text: string): "dfs" | "bfs" | number {
  if (text === "dfs" || text === "bfs") return text;
  try {
    return wholeNumber(text, 1);
  } catch {
    throw new UsageError(`dfs, bfs or a whole number from 1 is needed: current value is '${text}'`);
  }
}
