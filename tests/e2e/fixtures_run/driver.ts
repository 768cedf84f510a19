import { type Artifact, configure, RunFailedError, runLocal, type RunLocalOptions } from "@furu/furu";
import type { Node, Report } from "../run_rig.ts";
import { Other, Step } from "./step.ts";
import { touch } from "./acts.ts";

/** Runs what the argument says, and prints a report of it as the last line. */
if (import.meta.main) {
  const { roots, options, config, abortOn } = JSON.parse(Deno.args[0]!);
  configure({ recordGit: "ignore", ...config });
  const report = await run(roots, options, abortOn);
  console.log(JSON.stringify(report));
}

async function run(roots: Node[], options: RunLocalOptions, abortOn: string | undefined): Promise<Report> {
  const events: string[] = [];
  const controller = new AbortController();
  if (abortOn !== undefined) {
    const timer = setInterval(() => {
      try {
        Deno.statSync(`${Deno.env.get("SCENE")}/${abortOn}`);
      } catch {
        return;
      }
      clearInterval(timer);
      controller.abort(new Error("the caller had enough"));
    }, 5);
    Deno.unrefTimer(timer);
  }
  try {
    const summary = await runLocal(roots.map(artifactOf), {
      progress: "none",
      signal: controller.signal,
      ...options,
      onEvent: (event) => {
        events.push(event.type);
        if (event.type === "node_watched") touch("watched");
        if (event.type === "attempt_progress") touch(`progress ${event.fraction} ${event.message}`);
      },
    });
    return { ok: true, summary, events };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return {
      ok: false,
      error: { name: error.name, message: error.message },
      ...(error instanceof RunFailedError ? { summary: error.summary } : {}),
      events,
    };
  }
}

function artifactOf({ task, needs = [], beside = [], may, ...params }: Node): Artifact {
  const apply = task === "Other" ? Other : Step;
  const all = { needs: needs.map(artifactOf), beside: beside.map(artifactOf), may: may?.map(artifactOf) };
  return apply({ ...params, ...all } as never);
}
