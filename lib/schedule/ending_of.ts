import type { Verdict } from "../run/verdict.ts";
import type { Ending } from "../store/claims/claim.ts";

/** What is written down of an attempt that did not succeed. */
export function endingOf(verdict: Exclude<Verdict, { outcome: "success" | "superseded" }>): Ending {
  if (verdict.outcome === "preempted") return { kind: "preempted", error: verdict.reason };
  const { kind: failure, error, stack, lasting } = verdict;
  return {
    kind: "failed",
    failure,
    error,
    ...(stack === undefined ? {} : { stack }),
    ...(lasting ? { lasting } : {}),
  };
}
