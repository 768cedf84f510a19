import type { AttemptEnd } from "../core/attempt_end.ts";
import type { Evidence, StopCause } from "./judge.ts";
import type { Section } from "./output.ts";
import type { RunTaskOptions } from "./subprocess_options.ts";

/** What comes of a task that was given to a process. */
export type RunEnd = AttemptEnd | "declined" | {
  /** What it comes to, when that is known. */
  readonly later: Promise<AttemptEnd | "declined">;
};

/** An attempt that a process was given. */
export interface Running {
  /** Its number. */
  readonly id: number;
  /** Whether its claim is made by the process itself, so that the file system tells what there is of it. */
  readonly tiny: boolean;
  /** Told how far it is. */
  readonly onProgress: RunTaskOptions["onProgress"];
  /** Told when it begins. */
  readonly onBegin: RunTaskOptions["onBegin"];
  /** What it prints. */
  readonly section: Section;
  /** Why it was told to stop, if it was. */
  interruption: StopCause | undefined;
  /** See {@link Evidence}; `"declined"` when nothing of it is left. */
  readonly end: PromiseWithResolvers<Evidence["end"] | "declined">;
  /** Resolves when its caller is not to wait for that any more. */
  readonly withdrawn: PromiseWithResolvers<"withdrawn">;
  /** Whether a stop signal reached the process meanwhile. */
  signalled: boolean;
  /** Whether its mark was printed. */
  marked: boolean;
  /** When it came to be the one that is made, by the monotonic clock. */
  begunAt: number | undefined;
}
