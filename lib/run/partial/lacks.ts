import { ComputeError, errorText, type FuruError, furuErrorName } from "../../core/errors.ts";
import { artifactLabel } from "../../core/hash.ts";
import { attemptPaths } from "../../store/layout.ts";
import { readRecordId } from "../../store/read_record.ts";
import type { EndRecord, Lack, SuccessRecord } from "../../store/record.ts";
import { readEnds } from "../../store/results/ends.ts";
import { ARTIFACT, type Artifact } from "../../task/artifact/artifact.ts";
import { toleratedOf } from "../../task/tolerated.ts";
import { plural } from "../../ui/text.ts";
import type { Runtime } from "../runtime.ts";

/** An artifact that can never be had in a run, and the error that says so. */
export interface Missing {
  /** For the record of what is made without it. */
  readonly lack: Lack;
  /** For who asked for it. */
  readonly reason: FuruError;
}

/** So many failures below an artifact are named: one that has failed keeps it from being computed. */
const MAX_CAUSES = 10;
/** So many artifacts below are looked at for them. */
const MAX_LOOKS = 10_000;
/** Errors are cut: each is in the record of all that is made without its artifact. */
const MAX_ERROR_CHARS = 500;

/**
 * Finds out why an artifact has no result: by the end of its own latest attempt, or by those below it that
 * failed, so that it was never begun. The store tells that alike in all kinds of runs.
 */
export async function missingOf(runtime: Runtime, artifact: Artifact): Promise<Missing> {
  const own = await failureOf(runtime, artifact);
  if (own) {
    const { end, reason } = own;
    return { reason, lack: lackWith(artifact, end.error) };
  }
  const below = await failuresBelow(runtime, artifact);
  const [first] = below;
  if (!first) {
    const error = "no attempt at it has ended, and it was given up";
    return {
      reason: new ComputeError(`${artifact} has no result: ${error}`, named(artifact)),
      lack: lackWith(artifact, error),
    };
  }
  const error = `it needs what failed: ${first.reason.message}`;
  return {
    reason: new ComputeError(`${artifact} was not computed, as ${error}`, {
      ...named(artifact),
      log: first.reason.log!,
      cause: first.reason,
    }),
    lack: {
      ...lackWith(artifact, `it needs ${first.artifact}, which failed: ${first.end.error}`),
      because: below.map(({ artifact: { name, hash } }) => ({ name, hash })),
    },
  };
}

/** The same of one whose stored result is damaged, as an error says. */
export async function damagedMissing(
  runtime: Runtime,
  artifact: Artifact,
  error: unknown,
): Promise<Missing> {
  const id = await readRecordId(runtime.store, runtime.store.paths(artifact));
  const lack = { ...lackWith(artifact, errorText(error)), ...(id === undefined ? {} : { damaged: id }) };
  return { reason: error as FuruError, lack };
}

/** Whether an error says that a computation failed, not that nobody could tell, or that it was ended. */
export function isFailure(error: unknown): error is FuruError {
  return furuErrorName(error) === "ComputeError";
}

const said = new Set<string>();

/** Says, once in a process, that what somebody outside of any task gets is partial. */
export function sayPartial(
  { logger }: Pick<Runtime, "logger">,
  artifact: Artifact,
  { id, partial = [] }: Pick<SuccessRecord, "id" | "partial">,
): void {
  const [first] = partial;
  if (first === undefined || said.has(id)) return;
  said.add(id);
  const others = partial.length > 1 ? ` and ${plural(partial.length - 1, "other")}` : "";
  const without = `${artifactLabel(first.name, first.hash)}${others}`;
  logger.warn(`${artifact} is partial, made without ${without} that failed: a run tries again`);
}

interface Failed {
  readonly artifact: Artifact;
  readonly end: EndRecord;
  readonly reason: FuruError;
}

async function failureOf({ store }: Runtime, artifact: Artifact): Promise<Failed | undefined> {
  const paths = store.paths(artifact);
  const end = (await readEnds(store, paths)).at(-1);
  if (!end || end.kind === "preempted") return undefined;
  const { log } = attemptPaths(paths, { n: end.attempt, id: end.id });
  const cause = new Error(end.error);
  if (end.stack !== undefined) cause.stack = end.stack;
  const text = `${artifact} failed in attempt ${end.attempt}: ${end.error}; its log is ${log}`;
  return { artifact, end, reason: new ComputeError(text, { ...named(artifact), log, cause }) };
}

/** The failures that keep an artifact from being computed, as far down as nothing is stored. */
async function failuresBelow(runtime: Runtime, top: Artifact): Promise<Failed[]> {
  const { store } = runtime;
  const found: Failed[] = [];
  const met = new Set<string>();
  const open = [top];
  for (let at; found.length < MAX_CAUSES && met.size < MAX_LOOKS && (at = open.pop());) {
    const tolerated = toleratedOf(at);
    for (const below of at[ARTIFACT].dependencies) {
      if (met.has(below.hash) || tolerated.has(below.hash)) continue;
      met.add(below.hash);
      if (await readRecordId(store, store.paths(below)) !== undefined) continue;
      const failed = await failureOf(runtime, below);
      if (failed) found.push(failed);
      else open.push(below);
    }
  }
  return found;
}

function lackWith({ name, hash }: Artifact, error: string): Lack {
  const cut = error.length > MAX_ERROR_CHARS ? `${error.slice(0, MAX_ERROR_CHARS)}...` : error;
  return { name, hash, error: cut };
}

function named({ name, hash }: Artifact): { artifact: string } {
  return { artifact: artifactLabel(name, hash) };
}
