import { artifactLabel } from "../../core/hash.ts";
import type { NamedArtifact } from "../../catalog/references.ts";
import type { EndRecord, SlurmJob, SuccessRecord } from "../../store/record.ts";
import { formatDuration } from "../../ui/duration.ts";
import { table } from "../../ui/table.ts";
import { bytesText, oneLine, plural } from "../../ui/text.ts";
import type { ArtifactView, CodeView } from "./artifact_view.ts";

type TaskCodeView = NonNullable<ArtifactView["taskCode"]>;

/** The number of failures, and of logs, that are named. */
const LAST = 20;
/**
 * The number of parameters that are shown. Of a longer one than this many characters only the beginning is.
 */
const MOST_PARAMS = 100;
const MAX_CHARS = 1000;
const SHOWN_CHARS = 300;

/** Lines for people about an artifact: each is a word, and what there is to say about it. */
export function artifactText(view: ArtifactView): string {
  const {
    name,
    hash,
    status,
    record,
    params,
    needs = [],
    neededBy,
    value,
    files,
    running,
    queued,
    failures,
    logs,
    code,
    taskCode,
    faults = [],
  } = view;
  const rows: [string, string][] = [["task", name], ["hash", hash], ["status", status]];
  for (const fault of faults) rows.push(["damage", fault]);
  if (params !== undefined) rows.push(["params", paramsText(params)]);
  if (needs.length > 0) rows.push(["needs", namesText(needs)]);
  if (neededBy) {
    rows.push(["needed by", neededBy.length === 0 ? "nothing that is stored" : namesText(neededBy)]);
  }
  if (record) {
    const { provenance: by, createdAt, durationMs, attempt, run } = record;
    rows.push(["record", `${record.path} (${record.bytes} bytes)`]);
    if (record.partial) rows.push(["partial", lacksText(record.partial)]);
    if (record.valueFile !== undefined) rows.push(["value", `in ${record.valueFile}`]);
    else if (value !== undefined) rows.push(["value", value]);
    if (files !== undefined) rows.push(["files", filesText(files, record)]);
    rows.push(["computed", `${createdAt}, in ${formatDuration(durationMs)}, attempt ${attempt}`]);
    if (run !== undefined) rows.push(["run", run]);
    if (record.migratedFrom) rows.push(["migrated", migratedText(record)]);
    rows.push(["by", whoseText(by)]);
    // What tasks that name none have is not worth a row.
    if (typeof by.spec === "string" && by.spec !== "default") rows.push(["spec", by.spec]);
    const used = usedText(by);
    if (used !== "") rows.push(["used", used]);
    const git = by.git as { commit?: string; dirty?: boolean } | undefined;
    if (git?.commit !== undefined) rows.push(["git", `${git.commit}${changesText(git.dirty)}`]);
  }
  // What is said of all code of a run on Slurm says more.
  if (code) rows.push(["code", codeText(code)]);
  else if (taskCode) rows.push(["code", taskCodeText(taskCode)]);
  else if (record) rows.push(...typedRows(record.provenance.code));
  if (running) {
    const { owner, startedAt, attempt, backend } = running;
    const who = `${owner.user === undefined ? "" : `${owner.user}@`}${owner.host} (pid ${owner.pid})`;
    rows.push([
      "running",
      `attempt ${attempt} since ${startedAt} by ${who}, ${backend}${jobText(running.slurm)}`,
    ]);
  }
  if (queued) rows.push(["queued", `Slurm job ${queued.jobId ?? queued.name}${onCluster(queued)}`]);
  if (failures.length > LAST) rows.push(["failure", `(${failures.length - LAST} earlier ones)`]);
  for (const failure of failures.slice(-LAST)) rows.push(["failure", failureText(failure)]);
  if (logs.length > LAST) rows.push(["log", `(${logs.length - LAST} earlier ones)`]);
  for (const log of logs.slice(-LAST)) rows.push(["log", log]);
  const width = rows.reduce((most, [word]) => Math.max(most, word.length), 0) + 2;
  return rows.map(([word, text]) =>
    word.padEnd(width) + text.split("\n").join(`\n${" ".repeat(width)}`) + "\n"
  ).join("");
}

function namesText(artifacts: readonly NamedArtifact[]): string {
  const rest = artifacts.length - LAST;
  const names = artifacts.slice(0, LAST).map(({ name, hash }) => artifactLabel(name, hash));
  return [...names, ...(rest > 0 ? [`… and ${rest} more (--json has all)`] : [])].join("\n");
}

/** The folder, and below it the files with their sizes. */
function filesText(folder: string, { sizes, total }: Pick<SuccessRecord, "sizes" | "total">): string {
  const all = Object.entries(sizes ?? {});
  if (total) return `${folder}\n${plural(total.files, "file")}, ${bytesText(total.bytes)}`;
  const lines = table(all.slice(0, LAST).map(([file, size]) => [bytesText(size), file]), { right: [0] });
  const rest = all.length - LAST;
  return [folder, ...lines, ...(rest > 0 ? [`… and ${plural(rest, "more file")}`] : [])].join("\n");
}

/** Parameters as JSON, of each only the beginning where it is long: `--json` has all. */
function paramsText(params: unknown): string {
  const entries = typeof params === "object" && params !== null ? Object.entries(params) : [];
  if (entries.length === 0) return beginning(JSON.stringify(params, undefined, 1));
  const lines = entries.slice(0, MOST_PARAMS).map(([key, value], i) => {
    const text = beginning(JSON.stringify(value, undefined, 1)).replaceAll("\n", "\n ");
    return `${beginning(JSON.stringify(key))}: ${text}${i < entries.length - 1 ? "," : ""}`;
  });
  const rest = entries.length - lines.length;
  if (rest > 0) lines.push(`… and ${rest} more (--json shows all)`);
  return `{\n ${lines.join("\n ")}\n}`;
}

function beginning(text: string): string {
  if (text.length <= MAX_CHARS) return text;
  return `${text.slice(0, SHOWN_CHARS)}… (${text.length.toLocaleString("en")} characters, --json shows all)`;
}

/** What a value was made without, and why. */
function lacksText(lacks: NonNullable<SuccessRecord["partial"]>): string {
  const lines = lacks.slice(0, LAST).map(({ name, hash, error, through }) => {
    const by = through ? `, through ${artifactLabel(through.name, through.hash)}` : "";
    return `without ${artifactLabel(name, hash)}${by}: ${beginning(oneLine(error))}`;
  });
  const rest = lacks.length - lines.length;
  return [...lines, ...(rest > 0 ? [`… and ${rest} more (--json has all)`] : [])].join("\n");
}

function migratedText({ migratedFrom, migratedBy }: NonNullable<ArtifactView["record"]>): string {
  const from = migratedFrom ? `from ${artifactLabel(migratedFrom.name, migratedFrom.hash)}` : "";
  if (!migratedBy) return from;
  const { at, user, host } = migratedBy;
  return `${from}, ${at}, by ${user === undefined ? "" : `${user}@`}${host}`;
}

function whoseText(by: Readonly<Record<string, unknown>>): string {
  const { furu, deno, user, host, pid, slurm } = by;
  const who = `${user === undefined ? "" : `${user}@`}${host} (pid ${pid})`;
  return `${who}, furu ${furu}, Deno ${deno}${jobText(slurm as SlurmJob | undefined)}`;
}

/** What an attempt took, besides its time. */
function usedText({ peakMemoryBytes, cpuSec, programsCpuSec }: Readonly<Record<string, unknown>>): string {
  const parts: string[] = [];
  if (typeof peakMemoryBytes === "number") parts.push(`${bytesText(peakMemoryBytes)} of memory at most`);
  if (typeof cpuSec === "number") parts.push(`${formatDuration(cpuSec * 1000)} of processor time`);
  if (typeof programsCpuSec === "number") {
    parts.push(`${formatDuration(programsCpuSec * 1000)} of it programs`);
  }
  return parts.join(", ");
}

function jobText(slurm: SlurmJob | undefined): string {
  return slurm === undefined ? "" : `, Slurm job ${slurm.jobId}${onCluster(slurm)}`;
}

/** Ids of jobs mean something on their own cluster only. */
function onCluster({ cluster }: { readonly cluster?: string | undefined }): string {
  return cluster === undefined ? "" : ` on cluster ${cluster}`;
}

function failureText(end: EndRecord): string {
  const { attempt, kind, endedAt, error, lasting, lack, spec, durationMs } = end;
  const by = spec === undefined ? "" : ` with spec ${spec}`;
  const never = lack !== undefined
    ? ` (too little ${lack}${by})`
    : lasting
    ? " (trying again cannot help)"
    : "";
  const after = durationMs === undefined ? "" : `after ${formatDuration(durationMs)}`;
  const took = [after, usedText({ ...end })].filter((part) => part !== "").join(", ");
  const text = `attempt ${attempt} ${kind}${never} ${endedAt}: ${beginning(oneLine(error))}`;
  return took === "" ? text : `${text}\n(${took})`;
}

function codeText({ digest, now, why, changes }: CodeView): string {
  if (now === "same") return `${digest}: today's is the same`;
  if (now === "unknown") return `${digest}: whether today's is the same is not known (${why})`;
  const lines = Object.entries(changes ?? {}).flatMap(([what, paths]: [string, string[]]) =>
    paths.map((path) => `${what} ${path}`)
  );
  return [`${digest}: today's differs`, ...lines].join("\n");
}

function taskCodeText({ digest, module, now, why, modified = [], lockChanged }: TaskCodeView): string {
  const lock = lockChanged ? ["deno.lock has changed, packages may be others"] : [];
  if (now === "unknown") return `${digest}: whether today's is the same is not known (${why})`;
  const head = now === "same" ? "today's is the same" : "today's differs";
  const files = modified.slice(0, LAST).map((path) => `written since ${path}`);
  const rest = modified.length - files.length;
  if (rest > 0) files.push(`… and ${rest} more`);
  return [`${digest} of ${module}: ${head}`, ...files, ...lock].join("\n");
}

/** Of code that no file holds: what is known of it. */
function typedRows(code: unknown): [string, string][] {
  const { session, definitionDigest } = (code ?? {}) as Record<string, string | undefined>;
  if (session === undefined) return [];
  return [["code", `${definitionDigest}, typed into ${session === "repl" ? "the REPL" : "a notebook"}`]];
}

function changesText(dirty: boolean | undefined): string {
  return dirty === undefined
    ? ", git did not say in time whether with changes"
    : dirty
    ? ", with changes"
    : "";
}
