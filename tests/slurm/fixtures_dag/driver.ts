import { configure, RunFailedError, runSlurm, type RunSlurmOptions, type SubmittedRun } from "@furu/furu";
import type { Node } from "../../e2e/run_rig.ts";
import type { DagReport } from "../dag/dag_rig.ts";
import { Other, Step } from "../../e2e/fixtures_run/step.ts";

/** Runs what the argument says on Slurm, and prints a report of it as the last line. */
if (import.meta.main) {
  const { roots, options, config } = JSON.parse(Deno.args[0]!);
  configure({ recordGit: "ignore", pollIntervalSec: 0.2, ...config });
  console.log(JSON.stringify(await run(roots, options)));
}

async function run(roots: Node[], options: Partial<RunSlurmOptions>): Promise<DagReport> {
  const messages: string[] = [];
  try {
    const done = await runSlurm(roots.map(artifactOf), {
      mode: "dag",
      specs: { default: { timeMin: 5 }, gpu: { partition: "gpu", gpus: 1, timeMin: 5 } },
      squeueIntervalSec: 0.5,
      progress: "plain",
      ...options,
      onEvent: (event) => {
        if (event.type === "message") messages.push(event.text);
      },
    });
    return { messages, ...("runDir" in done ? { submitted: jsonOf(done) } : { summary: done }) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return {
      messages,
      error: { name: error.name, message: error.message },
      ...(error instanceof RunFailedError ? { summary: error.summary } : {}),
    };
  }
}

function jsonOf({ runId, runDir, jobIds, rootJobIds, plan }: SubmittedRun): DagReport["submitted"] {
  const ids: Record<string, string> = {};
  for (const { hash, artifact } of plan.nodes.values()) {
    ids[(artifact.params as { id: string }).id] = jobIds[hash] ?? "";
  }
  return { runId, runDir, ids, rootJobIds };
}

function artifactOf({ task, needs = [], beside = [], may, ...params }: Node): ReturnType<typeof Step> {
  const apply = task === "Other" ? Other : Step;
  const all = { needs: needs.map(artifactOf), beside: beside.map(artifactOf), may: may?.map(artifactOf) };
  return apply({ ...params, ...all });
}
