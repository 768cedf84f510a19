import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { countsForRun, isForced } from "../../lib/plan/forced.ts";

describe("countsForRun()", () => {
  const node = { name: "a/Task", hash: "f".repeat(32) };
  const cases = [
    { of: "nothing forced", force: [], invalid: [], forced: false },
    { of: "another task forced", force: ["a/Other"], invalid: ["0".repeat(32)], forced: false },
    { of: "its task forced", force: ["a/Task"], invalid: [], forced: true },
    { of: "all forced", force: "ALL" as const, invalid: [], forced: true },
    { of: "its result invalid before the run", force: [], invalid: [node.hash], forced: true },
    {
      of: "what depends on a task forced, too",
      force: ["a/Other"],
      forcedDependents: [node.hash],
      forced: true,
    },
    { of: "its task forced, in a process that notes nothing invalid", force: ["a/Task"], forced: true },
  ];
  for (const { of, forced, ...rest } of cases) {
    it(`${forced ? "takes only the run's own result" : "takes any result"} with ${of}`, () => {
      const rules = { runId: "r", ...rest };
      assertEquals(
        {
          forced: isForced(rules, node),
          own: countsForRun(rules, node, { run: "r" }),
          other: countsForRun(rules, node, { run: "q" }),
          unknown: countsForRun(rules, node, {}),
        },
        { forced, own: true, other: !forced, unknown: !forced },
      );
    });
  }
});
