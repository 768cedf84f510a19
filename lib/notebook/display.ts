import type { Displayed, MimeBundle } from "../core/system/session.ts";
import type { RunSummary } from "../core/event.ts";
import { artifactLabel } from "../core/hash.ts";
import { planRoots } from "../local/plan_roots.ts";
import type { Plan } from "../plan/graph.ts";
import type { SubmittedRun } from "../slurm/run/run_slurm_options.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import { planTree } from "../cli/view/plan_view.ts";
import { PlanParams } from "../cli/view/plan_params.ts";
import { bundle } from "../ui/cell_block.ts";
import { summaryLine } from "../ui/report.ts";
import { style } from "../ui/style.ts";
import { plural } from "../ui/text.ts";
import type { AnyRow } from "./table_display.ts";
import { tableDisplay } from "./table_display.ts";

/** The most lines of a plan that a cell shows. */
const MOST_LINES = 300;
const COLOR = { color: !Deno.noColor, width: undefined };

/** What a notebook shows of what furu gives out. */
export async function display(kind: Displayed, value: object): Promise<MimeBundle> {
  switch (kind) {
    case "artifact":
      return await artifactDisplay(value as Artifact);
    case "plan":
      return planDisplay(value as Plan);
    case "summary":
      return "runDir" in value
        ? submittedDisplay(value as SubmittedRun)
        : summaryDisplay(value as RunSummary);
    case "table":
      return tableDisplay(value as readonly AnyRow[]);
  }
}

/** Its name, its parameters, and how it stands now, with what is missing below it. */
async function artifactDisplay(artifact: Artifact): Promise<MimeBundle> {
  let plan: Plan;
  try {
    plan = await planRoots(artifact);
  } catch {
    // To look at it is no error, whatever state the store is in.
    return bundle(artifactLabel(artifact.name, artifact.hash));
  }
  const params = new PlanParams(plan);
  const text = planTree(plan, { ...COLOR, params });
  // Of one that is alone the counts say nothing.
  return bundle(plan.nodes.size === 1 ? text.split("\n\n")[0]! : shortened(text));
}

function planDisplay(plan: Plan): MimeBundle {
  return bundle(shortened(planTree(plan, { ...COLOR, params: new PlanParams(plan) })));
}

/** Without the lines in the middle that are too many; the last ones are the counts. */
function shortened(text: string): string {
  const lines = text.trimEnd().split("\n");
  const rest = lines.length - MOST_LINES;
  if (rest <= 0) return lines.join("\n");
  const last = lines.lastIndexOf("");
  return [
    ...lines.slice(0, MOST_LINES),
    style(COLOR.color).faint(`… and ${plural(rest, "more line")} (furu plan shows all)`),
    ...lines.slice(Math.max(last, MOST_LINES)),
  ].join("\n");
}

function summaryDisplay(summary: RunSummary): MimeBundle {
  const paint = style(COLOR.color);
  const mood = summary.failures.length > 0 ? paint.bad : paint.good;
  return bundle(`${mood(summaryLine(summary))}  ${paint.faint(summary.runId)}`);
}

function submittedDisplay({ runId, jobIds, plan }: SubmittedRun): MimeBundle {
  const jobs = plural(Object.keys(jobIds).length, "job");
  return bundle(
    `${runId}: ${plural(plan.nodes.size, "artifact")}, ${jobs} submitted; furu follow ${runId} shows it`,
  );
}
