import { artifactLabel } from "../../core/hash.ts";
import { leafPath } from "../../explain/leaf_differences.ts";
import type { Nearest, WhyReason } from "../../explain/why.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { withAllBelow } from "../../task/artifact/reference.ts";
import { formatDuration } from "../../ui/duration.ts";
import { flatParams, foldedLine } from "../../ui/params_text.ts";
import { style } from "../../ui/style.ts";
import { localTime, oneLine, plural, truncate } from "../../ui/text.ts";
import { aligned, fieldJson, foldedValues, originText, sidesText } from "./difference_text.ts";
import type { ListOptions } from "./list_text.ts";
import { paramsJson } from "./value_text.ts";

const TO_COMPUTE: ReadonlySet<WhyReason["because"]> = new Set([
  "new",
  "differs",
  "invalid",
  "partial",
  "forced",
  "failed",
]);
/** Columns of what is quoted: an error, what is invalid. */
const QUOTED = 160;

/**
 * Says why artifacts would be computed, or would not. Those of one task with the same reason are one entry,
 * with the values that differ among them folded.
 */
export function whyText(reasons: readonly WhyReason[], options: ListOptions): string {
  const groups = Map.groupBy(reasons, sameReason);
  const parts = [...groups.values()].map((group) => groupText(group, options));
  const todo = reasons.filter(({ because }) => TO_COMPUTE.has(because)).length;
  const stored = reasons.filter(({ because }) => because === "stored").length;
  const rest = reasons.length - todo - stored;
  const counts = `${todo} to compute, ${stored} stored${rest > 0 ? `, ${rest} neither` : ""}`;
  return [...parts, `${plural(reasons.length, "artifact")}: ${counts}`, ""].join("\n");
}

/** The same text for those that are told together. */
function sameReason({ name, status, because, nearest, detail, failure, stored, code }: WhyReason): string {
  const paths = nearest?.differences.map((leaf) => `${leafPath(leaf)} ${leaf.isDefault ?? ""}`);
  // Of what is forced the detail is the same for all; of others it names one artifact's own faults.
  const own = because === "forced" ? undefined : detail;
  return JSON.stringify([
    ...[name, status, because, paths, own, failure && oneLine(failure.error)],
    ...[stored?.run, stored?.user, stored?.host, stored?.partial],
    ...[code?.now, code?.why, code?.lockChanged],
  ]);
}

function groupText(group: readonly WhyReason[], options: ListOptions): string {
  const [first] = group as [WhyReason];
  const paint = style(options.color);
  const label = group.length === 1
    ? artifactLabel(first.name, first.hash)
    : `${first.name}: ${plural(group.length, "artifact")}`;
  const sweep = foldedLine(group.map(({ params }) => flatParams(params ?? {})));
  const word = TO_COMPUTE.has(first.because) ? paint.strong("to compute") : paint.faint("not to compute");
  const head = [paint.strong(label), word, paint.faint(group.length === 1 ? "" : sweep)];
  const lines = [
    head.filter((part) => part !== "").join("  "),
    ...reasonLines(group).map((line) => `  ${line}`),
  ];
  return lines.map((line) => options.width === undefined ? line : truncate(line, options.width)).join("\n") +
    "\n";
}

function reasonLines(group: readonly WhyReason[]): string[] {
  const [{ name, because, detail, failure, code }] = group as [WhyReason];
  const quoted = truncate(oneLine(detail ?? ""), QUOTED);
  switch (because) {
    case "new":
      return [`never computed: nothing of ${name} is stored`];
    case "differs":
      return nearestLines(group.flatMap(({ nearest }) => nearest ?? []));
    case "invalid":
      return [quoted === "" ? "what is stored is invalid" : quoted, ...storedLines(group)];
    case "partial":
      return [quoted === "" ? "what is stored is partial" : quoted, ...storedLines(group)];
    case "forced":
      return [quoted === "" ? "forced" : `forced: ${quoted}`, ...storedLines(group)];
    case "failed": {
      const { error, attempt, at, log } = failure ?? { error: "" };
      const when = at === undefined ? "" : ` ${localTime(at)}`;
      const which = attempt === undefined || group.length > 1 ? "failed" : `attempt ${attempt} failed`;
      return [
        `${which}${when}: ${truncate(oneLine(error), QUOTED)}`,
        ...(log === undefined
          ? []
          : [`log: ${log}${group.length > 1 ? `, and ${group.length - 1} more` : ""}`]),
      ];
    }
    case "running":
      return [`in progress${quoted === "" ? "" : `: ${quoted}`}`];
    case "unreadable":
      return [quoted];
    case "stored":
      return [...storedLines(group), ...codeLines(group, code)];
  }
}

function nearestLines(nearest: readonly Nearest[]): string[] {
  const [first] = nearest as [Nearest];
  const among = first.among === undefined ? "" : ` (of ${first.among} that were compared)`;
  const others = new Set(nearest.map(({ hash }) => hash)).size;
  const which = others === 1
    ? `is ${artifactLabel(first.name, first.hash)} (${
      originText({ ...first, run: undefined }, localTime)
    }), which`
    : `are ${others} artifacts, which`;
  const verb = others === 1 ? "differs" : "differ";
  const rows = first.differences.map((leaf, i) => {
    const sides = nearest.map(({ differences }) => sidesText(differences[i]!.field));
    const unknown = leaf.field.below !== undefined && leaf.field.below.fields === undefined
      ? " (what differs in it is not known)"
      : "";
    return {
      path: `  ${leafPath(leaf)}`,
      text: `${foldedValues(sides.map(({ old }) => old))} → ${foldedValues(sides.map((side) => side.new))}${
        noteOnDefault(leaf)
      }${unknown}`,
    };
  });
  const fresh = first.differences.filter(({ isDefault, field, through }) =>
    isDefault && !("old" in field) && through.length === 0 && !field.path.includes(".")
  );
  return [
    `never computed; nearest stored${among} ${which} ${verb} in${rows.length === 0 ? " no known field" : ""}`,
    ...aligned(rows),
    ...fresh.map(({ field }) =>
      `  to keep what is stored: legacy: { ${field.path}: ${
        JSON.stringify(paramsJson(field.new))
      } } in its task`
    ),
  ];
}

function noteOnDefault({ isDefault, field }: Nearest["differences"][number]): string {
  if (!isDefault) return "";
  return "old" in field ? " (its default now)" : " (a new parameter's default)";
}

function storedLines(group: readonly WhyReason[]): string[] {
  const [{ stored }] = group as [WhyReason];
  if (!stored) return ["stored (they are too many to look into each)"];
  const times = group.flatMap(({ stored }) => stored?.at ?? []).sort();
  const [from = "", to = ""] = [times[0], times.at(-1)];
  const span = localTime(from) === localTime(to) ? localTime(from) : `${localTime(from)} to ${localTime(to)}`;
  const took = group.length > 1 || stored.durationMs === undefined
    ? ""
    : `, in ${formatDuration(stored.durationMs)}`;
  const lines = [`stored: computed ${originText({ ...stored, at: span }, (at) => at)}${took}`];
  if (stored.partial !== undefined) {
    lines.push(
      `partial: made without ${plural(stored.partial, "artifact")} that failed; furu show names them`,
    );
  }
  return lines;
}

function codeLines(group: readonly WhyReason[], code: WhyReason["code"]): string[] {
  if (!code) return [];
  const lock = code.lockChanged ? ["note: deno.lock has changed since, packages may be others"] : [];
  if (code.now !== "changed") return lock;
  const [{ name }] = group as [WhyReason];
  const modified = [...new Set(group.flatMap(({ code }) => code?.modified ?? []))];
  const where = modified.length === 0 ? code.module : modified.slice(0, 3).join(", ");
  return [
    `warning: its code has changed since (${where}); that alone computes nothing again: ` +
    `--force ${name}, or a new version, does`,
    ...lock,
  ];
}

/** The artifacts that roots need, by hash. */
export function artifactsBelow(roots: readonly Artifact[]): Map<string, Artifact> {
  return new Map([...withAllBelow(roots)].map((artifact) => [artifact.hash, artifact]));
}

/** The same for programs: values as plain JSON. */
export function reasonJson({ params, nearest, ...reason }: WhyReason): Record<string, unknown> {
  const { name, hash, status, because, ...rest } = reason;
  return {
    ...{ name, hash, status, because },
    params: paramsJson(params),
    ...rest,
    ...(nearest === undefined ? {} : {
      nearest: {
        ...nearest,
        differences: nearest.differences.map(({ through, field, isDefault }) => ({
          ...fieldJson(field),
          through,
          ...(isDefault ? { default: true } : {}),
        })),
      },
    }),
  };
}
