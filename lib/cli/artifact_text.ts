import type { EndRecord, SlurmJob } from "../store/record.ts";
import { formatDuration } from "../ui/duration.ts";
import { oneLine } from "../ui/text.ts";
import type { ArtifactView, CodeView } from "./artifact_view.ts";

/** What is known of an artifact as lines for people: a word, and what it says. */
export function artifactText(view: ArtifactView): string {
  const { name, hash, status, record, params, files, running, queued, failures, logs, code, faults = [] } =
    view;
  const rows: [string, string][] = [["task", name], ["hash", hash], ["status", status]];
  for (const fault of faults) rows.push(["damage", fault]);
  if (params !== undefined) rows.push(["params", JSON.stringify(params, undefined, 1)]);
  if (record) {
    const { provenance: by, createdAt, durationMs, attempt, run } = record;
    rows.push(["record", `${record.path} (${record.bytes} bytes)`]);
    if (record.valueFile !== undefined) rows.push(["value", `in ${record.valueFile}`]);
    if (files !== undefined) rows.push(["files", files]);
    rows.push(["computed", `${createdAt}, in ${formatDuration(durationMs)}, attempt ${attempt}`]);
    if (run !== undefined) rows.push(["run", run]);
    rows.push(["by", whoseText(by)]);
    const git = by.git as { commit?: string; dirty?: boolean } | undefined;
    if (git?.commit !== undefined) rows.push(["git", `${git.commit}${git.dirty ? ", with changes" : ""}`]);
  }
  if (code) rows.push(["code", codeText(code)]);
  if (running) {
    const { owner, startedAt, attempt, backend } = running;
    const who = `${owner.user === undefined ? "" : `${owner.user}@`}${owner.host} (pid ${owner.pid})`;
    rows.push([
      "running",
      `attempt ${attempt} since ${startedAt} by ${who}, ${backend}${jobText(running.slurm)}`,
    ]);
  }
  if (queued) rows.push(["queued", `Slurm job ${queued.jobId ?? queued.name}`]);
  for (const failure of failures) rows.push(["failure", failureText(failure)]);
  for (const log of logs) rows.push(["log", log]);
  const width = Math.max(...rows.map(([word]) => word.length)) + 2;
  return rows.map(([word, text]) =>
    word.padEnd(width) + text.split("\n").join(`\n${" ".repeat(width)}`) + "\n"
  ).join("");
}

function whoseText(by: Readonly<Record<string, unknown>>): string {
  const { furu, deno, user, host, pid, slurm, peakMemoryBytes } = by;
  const who = `${user === undefined ? "" : `${user}@`}${host} (pid ${pid})`;
  const memory = typeof peakMemoryBytes === "number"
    ? `, ${Math.round(peakMemoryBytes / 2 ** 20)} MiB at most`
    : "";
  return `${who}, furu ${furu}, Deno ${deno}${jobText(slurm as SlurmJob | undefined)}${memory}`;
}

function jobText(slurm: SlurmJob | undefined): string {
  return slurm === undefined ? "" : `, Slurm job ${slurm.jobId}`;
}

function failureText({ attempt, kind, endedAt, error }: EndRecord): string {
  return `attempt ${attempt} ${kind} ${endedAt}: ${oneLine(error)}`;
}

function codeText({ digest, now, why, changes }: CodeView): string {
  if (now === "same") return `${digest}: today's is the same`;
  if (now === "unknown") return `${digest}: whether today's is the same is not known (${why})`;
  const lines = Object.entries(changes ?? {}).flatMap(([what, paths]: [string, string[]]) =>
    paths.map((path) => `${what} ${path}`)
  );
  return [`${digest}: today's differs`, ...lines].join("\n");
}
