import type { AttemptEnd, ResourceUse } from "../core/attempt_end.ts";
import { errorText, furuErrorName, lasting, ProtocolError, ValidationError } from "../core/errors.ts";
import { type InputPaths, pathsOf } from "../core/json/input_file.ts";
import { folderIfKnown } from "../core/paths.ts";
import { currentSession, hasFile } from "../core/system/session.ts";
import { type ArtifactPaths, type AttemptKey, attemptPaths } from "../store/layout.ts";
import { type SuccessRecord, withSum } from "../store/record.ts";
import { RECORD_SCHEMA } from "../store/layout.ts";
import { commitRecord, type FolderContents, listFolder } from "../store/results/commit.ts";
import { type EncodedValue, encodeValue, type EncodeValueOptions } from "../store/results/value.ts";
import type { ValuePlaces } from "../store/results/value_path.ts";
import { realPathOf, removeIfThere, storeError } from "../store/store.ts";
import {
  ARTIFACT,
  type Artifact,
  artifactReference,
  type TaskDefinition,
} from "../task/artifact/artifact.ts";
import { definitionDigest } from "../task/definition_text.ts";
import { keptTable } from "../task/artifact/kept.ts";
import { FirstWait, judgeThrown } from "../task/retryable.ts";
import { endOfThrown } from "./attempt_end.ts";
import { type ExecutionContext, withContext } from "./context.ts";
import { type AttemptIo, type MadeContext, makeCreateContext } from "./create_context.ts";
import { validationFault } from "./result.ts";
import type { Runtime } from "./runtime.ts";
import { readValue } from "./stored_value.ts";
import type { AttemptTraces } from "./traces/traces.ts";

/** An attempt whose claim is held, to be computed in this process. */
export interface ComputeOptions {
  /** The artifact to compute. */
  artifact: Artifact;
  /** Which attempt it is. */
  attempt: AttemptKey;
  /** The folder of the attempt's owner file, for private names. */
  ownerDir: string;
  /** The rules for `get` inside `create`. */
  context: ExecutionContext;
  /** Connects the attempt to the process that runs it. */
  io: AttemptIo;
  /** Id of the attempt whose result is to be replaced. */
  replaces?: string;
  /** The run's id, for the record. */
  run?: string;
  /** Given what was thrown, itself: the end holds only its text. */
  onThrown?: (error: unknown) => void;
}

/**
 * Runs `create` under its context, checks and stores what it returned, and commits it. The holder of the
 * claim ends the attempt by what this returns; it never throws.
 */
export async function computeAttempt(runtime: Runtime, options: ComputeOptions): Promise<AttemptEnd> {
  const { artifact, attempt, io } = options;
  const context: ExecutionContext = { ...options.context, lacks: new Map() };
  const { clock } = runtime.machine;
  const begun = clock.monotonic();
  const firstWait = new FirstWait();
  let tidy: (() => Promise<void>) | undefined;
  const measured = runtime.provenance.measure?.() ?? (() => ({}));
  try {
    // The context covers validate and provenance too: whatever belongs to the work on this node.
    return await withContext(context, async () => {
      const { module } = artifact[ARTIFACT].task;
      if (module !== undefined) runtime.provenance.noteCode?.(module);
      const started = clock.monotonic();
      await checkInputsOf(runtime, artifact, "before");
      const made = await makeCreateContext(runtime, artifact, attempt, io);
      tidy = made.tidy;
      const create = () => firstWait.around(() => artifact[ARTIFACT].task.create(made.context));
      const value = await (io.traces ? io.traces.around(create) : create());
      io.onCreated?.();
      const durationMs = clock.monotonic() - started;
      return await store(runtime, { ...options, context }, value, { ...measured(), durationMs }, made);
    });
  } catch (error) {
    options.onThrown?.(error);
    const thrown = endOfThrown(error, io.signal);
    // What it was told from outside says more than what it threw then.
    const end = io.signal.aborted ? thrown : judgeThrown(artifact, error, thrown, firstWait.threwBefore);
    if (end.outcome !== "failed" && end.outcome !== "preempted") return end;
    return { ...end, used: { durationMs: roundedMs(clock.monotonic() - begun), ...measured() } };
  } finally {
    await tidy?.();
  }
}

async function store(
  runtime: Runtime,
  options: ComputeOptions,
  value: unknown,
  { durationMs, ...used }: ResourceUse & { durationMs: number },
  made: MadeContext,
): Promise<AttemptEnd> {
  const { artifact, attempt, io } = options;
  const paths = runtime.store.paths(artifact);
  const dir = attemptPaths(paths, attempt).files;
  const found = new Set<Artifact>();
  const encoded = encodeReturned(artifact, value, {
    places: await placesOf(runtime, paths, attempt, made),
    owner: `${artifact}`,
    artifactReference: (each) => {
      const reference = artifactReference(each);
      if (reference) found.add(each as Artifact);
      return reference;
    },
  });
  await checkUses(runtime, artifact, encoded.uses);
  const written = await writeValue(runtime, dir, encoded, keptTable(found), made.usedDir());
  const folder = written.files ? await contentsOf(runtime, artifact, dir) : undefined;
  const members = [
    `"schema":${RECORD_SCHEMA}`,
    `"identity":${artifact[ARTIFACT].identity}`,
    `"attempt":${attempt.n}`,
    `"id":"${attempt.id}"`,
    ...(options.run === undefined ? [] : [`"run":${JSON.stringify(options.run)}`]),
    ...partialMember(options.context),
    `"files":${written.files}`,
    ...written.members,
    `"createdAt":"${new Date(runtime.machine.clock.now()).toISOString()}"`,
    `"durationMs":${roundedMs(durationMs)}`,
    `"provenance":${
      JSON.stringify({
        ...await runtime.provenance.collect(used, artifact[ARTIFACT].task.module),
        ...specIn(options.context),
        ...typedCode(artifact[ARTIFACT].task),
        ...inputsIn(artifact),
      })
    }`,
    ...(folder ? [folder.member] : []),
  ];
  const how = await commitRecord(runtime.store, {
    paths,
    attempt,
    // Identity and value are JSON text already: the record is put together, not encoded again.
    text: withSum(`{${members.join()}}`),
    ownerDir: options.ownerDir,
    files: folder?.files ?? [],
    onChecked: io.onChecked,
    check: async (record) => {
      await checkFresh(runtime, artifact, paths, record, io.traces);
      await checkInputsOf(runtime, artifact, "after");
    },
    ...(options.replaces === undefined ? {} : { replaces: options.replaces }),
  });
  return { outcome: how === "committed" ? "success" : "superseded" };
}

/**
 * What the value was made without. Before `files`, so that a record that has it is never taken for one of
 * which there is no doubt.
 */
function partialMember({ lacks }: ExecutionContext): string[] {
  return lacks?.size ? [`"partial":${JSON.stringify([...lacks.values()])}`] : [];
}

/** Of a task that was typed into a notebook or the REPL: what it is made of, as no file holds it. */
function typedCode(task: TaskDefinition): { code?: Record<string, string> } {
  const session = hasFile(task.module) ? undefined : currentSession();
  return session === undefined ? {} : { code: { session, definitionDigest: definitionDigest(task) } };
}

/** Few tasks have files among their parameters: what looks at these is loaded for them. */
async function checkInputsOf(runtime: Runtime, artifact: Artifact, when: "before" | "after"): Promise<void> {
  if (!artifact[ARTIFACT].inputs) return;
  const { checkInputs } = await import("../inputs/check_inputs.ts");
  await checkInputs(runtime.store, artifact, when);
}

/** Where its files and folders were, which is no part of its identity. */
function inputsIn(artifact: Artifact): { inputs?: InputPaths } {
  const inputs = pathsOf(artifact[ARTIFACT].inputs);
  return inputs === undefined ? {} : { inputs };
}

/** The spec that a run computed it by; JSON leaves out what is not there. */
function specIn({ spec }: ExecutionContext): { spec?: string | undefined } {
  return { spec };
}

function roundedMs(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}

/** The names that paths into the store can have. A link can be resolved only once the folder is there. */
async function placesOf(
  runtime: Runtime,
  paths: ArtifactPaths,
  attempt: AttemptKey,
  made: MadeContext,
): Promise<ValuePlaces> {
  const { root } = runtime.store;
  const aliases: [string, string][] = [[await runtime.store.realRoot(), root]];
  if (made.usedDir() || made.usedCheckpoint()) {
    aliases.push([await realPathOf(runtime.machine, paths.home), paths.home]);
  }
  return {
    root,
    paths,
    attempt,
    aliases: aliases.filter(([real, ours]) => real !== ours),
    cwd: folderIfKnown,
  };
}

/** What is in the folder of a result, which others of the store are given the right to. */
async function contentsOf(runtime: Runtime, artifact: Artifact, dir: string): Promise<FolderContents> {
  if (!await runtime.machine.files.stat(dir)) {
    throw new ValidationError(`Cannot store the value of ${artifact}: its folder ${dir} is gone`);
  }
  await runtime.store.share(dir);
  return await listFolder(runtime.store, dir);
}

/** A value that names files which are gone already would be invalid from the beginning. */
async function checkUses(runtime: Runtime, artifact: Artifact, uses: readonly string[]): Promise<void> {
  for (const folder of uses) {
    const path = `${runtime.store.root}/${folder}`;
    if (await runtime.machine.files.stat(path)) continue;
    throw new ValidationError(
      `Cannot store the value of ${artifact} as it names files of another result, and there is no ${path}: ` +
        `get that artifact again, or return the artifact itself instead of paths`,
    );
  }
}

/**
 * Checks a fresh value as it will be read, with the task's own `validate`: a failure is one of this attempt.
 * A value that furu cannot read would be in the way of every later attempt.
 */
async function checkFresh(
  runtime: Runtime,
  artifact: Artifact,
  paths: ArtifactPaths,
  record: SuccessRecord,
  traces: AttemptTraces | undefined,
): Promise<void> {
  const { task } = artifact[ARTIFACT];
  const read = await readValue(runtime, paths, record, task.validate ? "whole" : "check");
  if (!read.ok && read.unreadable) {
    throw new ProtocolError(
      `Cannot store the value of ${artifact} as furu could not read it again: ${read.why}; this is a bug ` +
        `of furu, or somebody changes the files of attempts that ` +
        `run`,
    );
  }
  if (!read.ok) throw new ValidationError(`Cannot store the value of ${artifact}: ${read.why}`);
  if (!task.validate) return;
  const { value } = read;
  const dir = attemptPaths(paths, { n: record.attempt, id: record.id }).files;
  const validate = () => task.validate?.({ params: artifact.params, dir, value });
  const check = () => traces ? traces.around(validate) : validate();
  const fault = await validationFault(runtime, artifact, check, "fresh");
  if (fault !== undefined) {
    throw atTask(artifact, new ValidationError(`Cannot store the value of ${artifact}: ${fault}`));
  }
}

/** @throws {ValidationError} for what cannot be stored, however often it is computed. */
function encodeReturned(artifact: Artifact, value: unknown, options: EncodeValueOptions): EncodedValue {
  try {
    return encodeValue(value, options);
  } catch (cause) {
    // A getter of the user's own may throw whatever it likes.
    if (furuErrorName(cause) !== "ValidationError") throw cause;
    const { place } = artifact[ARTIFACT].task;
    const whose = place === undefined ? "" : `; 'create' returned it, of the task at ${place}`;
    throw lasting(atTask(artifact, new ValidationError(`${(cause as Error).message}${whose}`)));
  }
}

/** `create` has returned and is in no stack any more: this one names its task, not furu's own code. */
function atTask(artifact: Artifact, error: ValidationError): ValidationError {
  const { place } = artifact[ARTIFACT].task;
  if (place !== undefined) error.stack = `${errorText(error)}\n    at create of ${artifact.name} (${place})`;
  return error;
}

/**
 * Values whose JSON has more characters are files of their own; so is what else would make the record longer.
 */
const MAX_INLINE = 256 * 1024;

/** A value as it stands in its record. */
export interface WrittenValue {
  /** The record's members that hold the value and what belongs to it, or name their files, as JSON text. */
  members: string[];
  /** Whether the attempt's folder belongs to the result. */
  files: boolean;
}

/**
 * Writes the files of a value into the attempt's folder, which is made when it is needed and removed when
 * `create` read `ctx.dir` and left it empty.
 *
 * @param artifacts What is kept of the artifacts in it, as JSON text.
 * @throws {StoreError} It names the file that cannot be written, and why.
 */
export async function writeValue(
  runtime: Runtime,
  dir: string,
  { json, files, namesDir, uses }: EncodedValue,
  artifacts: string | undefined,
  usedDir: boolean,
): Promise<WrittenValue> {
  const all = [...files];
  const members: string[] = [];
  let left = MAX_INLINE;
  const add = async (member: string, text: string): Promise<void> => {
    if (text.length <= left) {
      left -= text.length;
      members.push(`"${member}":${text}`);
      return;
    }
    const name = await freeName(runtime, dir, member, usedDir);
    members.push(`"${member}File":${JSON.stringify(name)}`);
    all.push({ name, bytes: new TextEncoder().encode(text) });
  };
  await add("value", json);
  if (artifacts !== undefined) await add("artifacts", artifacts);
  if (uses.length > 0) members.push(`"uses":${JSON.stringify(uses)}`);
  if (all.length > 0) await runtime.store.makeDir(dir);
  for (const file of all) await write(runtime, `${dir}/${file.name}`, file.bytes);
  return {
    members,
    // A folder that was made and left empty is no file of the result, unless the value names it.
    files: all.length > 0 || (usedDir && (namesDir || !await removedEmpty(runtime, dir))),
  };
}

async function write(runtime: Runtime, path: string, bytes: Uint8Array): Promise<void> {
  try {
    await runtime.machine.files.write(path, bytes);
  } catch (error) {
    throw storeError("write", path, error);
  }
}

/** `value.json`, unless the task has made a file of that name itself. */
async function freeName(runtime: Runtime, dir: string, member: string, usedDir: boolean): Promise<string> {
  const taken = usedDir && await runtime.machine.files.stat(`${dir}/${member}.json`) !== undefined;
  return taken ? `.furu-${member}.json` : `${member}.json`;
}

async function removedEmpty(runtime: Runtime, dir: string): Promise<boolean> {
  await removeIfThere(runtime.machine, dir);
  return await runtime.machine.files.stat(dir) === undefined;
}
