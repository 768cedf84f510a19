import { UsageError } from "../../core/errors.ts";
import { migratableText } from "../migrate/migratable_text.ts";
import { defineCommand } from "../program/command.ts";
import { choiceFlag, optionalChoiceFlag, switchFlag } from "../program/flag.ts";
import {
  clusterFlag,
  forcedBy,
  forceDependentsFlag,
  forceFlag,
  limitFlag,
  limitsBy,
  priorityBy,
  priorityFlag,
} from "./run_flags.ts";
import { planDot, planMermaid } from "../view/plan_graph_text.ts";
import { PlanParams } from "../view/plan_params.ts";
import { limitsOfPlan, limitsText } from "../view/plan_limits.ts";
import { inOrder, planJson, planTable, planTree, type PlanView } from "../view/plan_view.ts";
import { readableStore } from "../program/readable_store.ts";
import type { Engine } from "../program/engine.ts";
import type { WhyReason } from "../../explain/why.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import { exampleTarget, loadTarget, targetArgs } from "../roots/target.ts";

const flags = {
  format: choiceFlag(["tree", "table", "json", "dot", "mermaid"], "How it is shown (default: tree)"),
  all: switchFlag("Each artifact by itself, where many alike are one line", { short: "a" }),
  force: forceFlag,
  "force-dependents": forceDependentsFlag,
  limit: limitFlag,
  priority: priorityFlag,
  why: switchFlag("Also why each would be computed, or when and by whom it was (as furu why)"),
  slurm: optionalChoiceFlag(
    ["pool", "dag"],
    "Also what a run with this flag would submit (default: pool), and what is wrong with its specs",
  ),
  cluster: clusterFlag,
};

/** `furu plan`: what a run would do. */
export const planCommand = defineCommand({
  ...targetArgs,
  description: [
    "Shows the artifacts that the roots need, with the status of each: DONE, IN_PROGRESS (somebody " +
    "computes it now), TODO, or FAILED (and failures are not retried). What lies below a stored " +
    "artifact is not looked at.",
    "With --slurm the exit code is 1 when the run would be refused.",
  ],
  flags,
  examples: (program) => {
    const target = exampleTarget(program);
    return [
      [target.trimEnd(), "a tree with the roots at the top"],
      [`${target}--slurm`, "what would be submitted to Slurm"],
      [`${target}--format json`, "for programs"],
      [`${target}--format dot | dot -Tsvg > plan.svg`, "a picture, by Graphviz"],
    ];
  },
  async run({ args, flags, globals, io, program, engine }) {
    const format = flags.format ?? (globals.json ? "json" : "tree");
    if (flags.slurm !== undefined && (format === "dot" || format === "mermaid")) {
      throw new UsageError(`Cannot use --slurm with --format ${format}: allowed are tree, table and json`);
    }
    if (flags.why && (format === "dot" || format === "mermaid")) {
      throw new UsageError(`Cannot use --why with --format ${format}: allowed are tree, table and json`);
    }
    const { cluster } = flags;
    if (cluster !== undefined && flags.slurm === undefined) {
      throw new UsageError("Cannot use --cluster without --slurm: it is about jobs");
    }
    const { roots, entry } = await loadTarget(program, args, io);
    const force = forcedBy(flags);
    const priority = priorityBy(flags.priority);
    const plan = await engine.plan(roots, { ...force, ...(priority && { priority }) });
    const set = await engine.limits(limitsBy(flags.limit));
    const limits = limitsOfPlan(plan, set);
    const kept = await plan.kept?.();
    // Loaded when used, as the rest of furu.
    const slurm = flags.slurm === undefined ? undefined : await import("../view/plan_slurm.ts");
    const pool = flags.slurm === "pool" ? await engine.poolPlan(roots, { entry, ...force, cluster }) : {};
    const jobs = flags.slurm &&
      await slurm?.planSlurm(plan, { mode: flags.slurm, limits: set, cluster, ...pool });
    const options = {
      color: io.color && !globals["no-color"],
      width: io.width,
      allSpecs: slurm !== undefined,
      params: format === "json" ? undefined : new PlanParams(plan),
      unfolded: flags.all,
    };
    const reasons = flags.why ? await reasonsOf(plan, roots, engine) : undefined;
    const because = reasons && (await import("../view/why_text.ts"));
    switch (format) {
      case "tree":
        io.out(planTree(plan, options));
        break;
      case "table":
        io.out(planTable(plan, options));
        break;
      case "json":
        io.out(planJson(plan, {
          ...(kept && { kept }),
          ...(limits.limits.length > 0 && limits),
          ...(jobs && { slurm: jobs }),
          ...(reasons && { why: reasons.map(because!.reasonJson) }),
        }));
        break;
      case "dot":
        io.out(planDot(plan, options.params));
        break;
      case "mermaid":
        io.out(planMermaid(plan, options.params));
        break;
    }
    if (format === "tree" || format === "table") {
      io.out(limitsText(limits, { withProblems: slurm === undefined }));
    }
    if (reasons && format !== "json") io.out(`\n${because!.whyText(reasons, options)}`);
    if (kept && format !== "json") io.err(`${(await import("../../plan/kept.ts")).keptText(kept)}\n`);
    io.err(
      await migratableText(
        { args, program, engine },
        roots,
        (hash) => plan.nodes.get(hash)?.status === "TODO",
      ),
    );
    if (!slurm || !jobs) return 0;
    if (format !== "json") io.out(slurm.slurmPlanText(jobs));
    return jobs.problems.length === 0 ? 0 : 1;
  },
});

async function reasonsOf(plan: PlanView, roots: readonly Artifact[], engine: Engine): Promise<WhyReason[]> {
  const [{ why }, { artifactsBelow }] = await Promise.all([
    import("../../explain/why.ts"),
    import("../view/why_text.ts"),
  ]);
  const store = await readableStore(engine, { mayLack: true });
  return await why(inOrder(plan), { store, artifacts: artifactsBelow(roots) });
}
