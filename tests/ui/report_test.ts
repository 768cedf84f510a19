import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { failureReport, summaryLine } from "../../lib/ui/report.ts";
import { failureOf, summaryOf } from "./events.ts";

describe("failureReport()", () => {
  it("tells all that helps to find the cause of a failure", () => {
    const stack = [
      "Error: boom",
      "    at create (file:///home/ada/pipeline.ts:12:9)",
      "    at ext:core/01_core.js:1:1",
      "    at file:///home/u/node_modules/zod/index.js:3:1",
    ].join("\n");
    const failure = failureOf("4f0c12ab", {
      stack,
      error: "Error: boom\nwith detail",
      log: "/store/1-x.log",
      logTail: ["epoch 1", "epoch 2"],
    });
    const summary = summaryOf({ nodes: 48, computed: 12, cached: 30, failures: [failure], notRun: 5 });
    assertEquals(failureReport(summary).split("\n"), [
      "1 of 48 artifacts failed",
      "",
      "1. toy/Train(4f0c12ab) failed after 4 attempts",
      '   params  {"lr":0.1}',
      "   error   Error: boom",
      "           with detail",
      "   at      create (file:///home/ada/pipeline.ts:12:9)",
      "   log     /store/1-x.log",
      "           | epoch 1",
      "           | epoch 2",
      "",
      "12 computed, 30 cached, 1 failed, 5 not run in 4.2 s.",
      "What succeeded is stored: run again to try only what is missing.",
      "With keepGoing (--keep-going) a run first does all that does not depend on a failure.",
    ]);
  });

  it("says what kind of failure is not the task's own", () => {
    const of = (kind: "protocol" | "lost") =>
      failureReport(summaryOf({ failures: [failureOf("a", { kind })] }));
    assertStringIncludes(of("protocol"), "(a fault of code or set-up, never retried)");
    assertStringIncludes(of("lost"), "(its process was lost, the task is not to blame)");
  });

  it("names but does not tell in full more than a few failures", () => {
    const failures = Array.from({ length: 40 }, (_, i) => failureOf(`${i + 10}`));
    const report = failureReport(summaryOf({ nodes: 40, failures }), { most: 2, keepGoing: true });
    assertEquals(report.match(/^\d+\. /gm)?.length, 2);
    assertStringIncludes(report, "and 38 more: toy/Train(12000000), ");
    assertStringIncludes(report, "… (18 not named)");
    assertEquals(report.includes("--keep-going"), false);
  });

  it("cleans what a task printed of control characters", () => {
    const report = failureReport(
      summaryOf({ failures: [failureOf("a", { logTail: ["\x1b[31mred\x1b[0m\r50%\r100%"] })] }),
    );
    assertStringIncludes(report, "| red 50% 100%");
  });
});

describe("summaryLine()", () => {
  it("tells what was computed and what was there", () => {
    assertEquals(summaryLine(summaryOf()), "12 computed, 30 cached in 4.2 s");
    assertEquals(
      summaryLine(summaryOf({ elsewhere: 2, retries: 1, notRun: 3, durationMs: 200_000 })),
      "12 computed, 30 cached, 2 computed elsewhere, 1 retry, 3 not run in 3m 20s",
    );
  });
});
