import { defineCommand } from "./command.ts";
import { choiceFlag } from "./flag.ts";
import { forceFlag, forceOption } from "./force_flag.ts";
import { planDot, planMermaid } from "./plan_graph_text.ts";
import { planJson, planTable, planTree } from "./plan_view.ts";
import { exampleTarget, loadTarget, targetArgs } from "./target.ts";

const flags = {
  format: choiceFlag(["tree", "table", "json", "dot", "mermaid"], "How it is shown (default: tree)"),
  force: forceFlag,
};

/** `furu plan`: what a run would do. */
export const planCommand = defineCommand({
  ...targetArgs,
  description: [
    "Shows the artifacts that the roots need, with the status of each: DONE, IN_PROGRESS (somebody computes it now),",
    "TODO, or FAILED (and failures are not retried). What lies below a stored artifact is not looked at.",
  ].join("\n"),
  flags,
  examples: (program) => {
    const target = exampleTarget(program);
    return [
      [target.trimEnd(), "a tree with the roots at the top"],
      [`${target}--format json`, "for programs"],
      [`${target}--format dot | dot -Tsvg > plan.svg`, "a picture, by Graphviz"],
    ];
  },
  async run({ args, flags, globals, io, program, engine }) {
    const { roots } = await loadTarget(program, args, io);
    const plan = await engine.plan(roots, forceOption(flags.force));
    const options = { color: io.color && !globals["no-color"], width: io.width };
    switch (flags.format ?? (globals.json ? "json" : "tree")) {
      case "tree":
        io.out(planTree(plan, options));
        break;
      case "table":
        io.out(planTable(plan, options));
        break;
      case "json":
        io.out(planJson(plan));
        break;
      case "dot":
        io.out(planDot(plan));
        break;
      case "mermaid":
        io.out(planMermaid(plan));
        break;
    }
    return 0;
  },
});
