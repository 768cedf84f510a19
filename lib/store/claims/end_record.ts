import type { FailureKind } from "../../core/event.ts";
import type { Machine } from "../../core/system/machine.ts";
import { type ClaimRecord, type EndRecord, RECORD_SCHEMA } from "../record.ts";

/** How an attempt ended that did not succeed. */
export interface Ending {
  /** What happened. */
  kind: EndRecord["kind"];
  /** What a failed attempt's failure counts as. */
  failure?: FailureKind;
  /** Trying again cannot help. */
  lasting?: true;
  /** Why, for people. */
  error: string;
  /** The stack of what was thrown. */
  stack?: string;
}

/** The record of how an attempt ended. */
export function endRecordOf(machine: Machine, claim: ClaimRecord, ending: Ending): EndRecord {
  return {
    schema: RECORD_SCHEMA,
    id: claim.id,
    attempt: claim.attempt,
    kind: ending.kind,
    ...(ending.failure === undefined ? {} : { failure: ending.failure }),
    ...(ending.lasting ? { lasting: true } : {}),
    // A signal's reason may be anything: what is no text here would be refused by whoever reads it.
    error: String(ending.error),
    ...(ending.stack === undefined ? {} : { stack: ending.stack }),
    ...(claim.run === undefined ? {} : { run: claim.run }),
    owner: machine.self,
    startedAt: claim.startedAt,
    endedAt: new Date(machine.clock.now()).toISOString(),
  };
}
