import { errorText } from "../core/errors.ts";
import { type DenoFacts, denoFault } from "../core/system/deno_range.ts";
import { FURU_VERSION } from "../core/version.ts";
import { lockedVersions } from "../snapshot/locked_versions.ts";
import type { RunRecord } from "./run_record.ts";

/**
 * Finds out why the code that is here is not the one that a run was begun with, as far as that can be told
 * before any of it is imported, or why Deno cannot run it.
 *
 * @param run The run.
 * @param deno The Deno that is here.
 * @default {the one that runs this}
 * @returns `undefined` where it may be the same.
 */
export function codeFault(
  { runId, versions, entry, code, lock }: Pick<RunRecord, "runId" | "versions" | "entry" | "code" | "lock">,
  deno?: DenoFacts,
): string | undefined {
  const cannot = `Cannot work for run ${runId} as`;
  if (versions.furu !== FURU_VERSION) {
    return `${cannot} it was begun with furu ${versions.furu}, and this is furu ${FURU_VERSION}`;
  }
  const denoIs = denoFault(deno);
  if (denoIs !== undefined) return `${cannot} ${denoIs}; it was begun with Deno ${versions.deno}`;
  // A snapshot has packages of its own.
  if (code !== undefined || lock === undefined) return undefined;
  let now: Record<string, string>;
  try {
    now = lockedVersions(entry) ?? {};
  } catch (error) {
    return `${cannot} what it was begun with cannot be looked up: ${errorText(error)}`;
  }
  // More entries than before are no fault: Deno itself adds to the file.
  for (const [wanted, version] of Object.entries(lock)) {
    if (now[wanted] === version) continue;
    return `${cannot} deno.lock has changed since it was begun: ${wanted} was ${version}, and is ${
      now[wanted] ?? "not in it"
    }`;
  }
  return undefined;
}

/**
 * What is to be said where a run was begun with another Deno than the one that is here, both of which furu
 * works with: what tasks compute may differ.
 *
 * @returns `undefined` where it is the same.
 */
export function otherDeno(
  { versions }: Pick<RunRecord, "versions">,
  deno: string = Deno.version.deno,
): string | undefined {
  if (deno === versions.deno) return undefined;
  return `Deno is ${deno} here, the run was begun with Deno ${versions.deno}`;
}
