import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { configure } from "../../lib/core/config.ts";
import { emptySummary } from "../../lib/core/event.ts";
import { display } from "../../lib/notebook/display.ts";
import { type AnyRow, tableDisplay } from "../../lib/notebook/table_display.ts";
import { makePlan } from "../../lib/plan/graph.ts";
import type { Artifact } from "../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../lib/task/define.ts";
import { FakeSource } from "../plan/fake_graph.ts";

const Part = defineTask({
  name: "display/Part",
  params: z.object({ n: z.int(), text: z.string().default("<i>") }),
  create: () => 1,
});
const Whole = defineTask({
  name: "display/Whole",
  params: z.object({ parts: z.array(Part.schema) }),
  create: () => 1,
});

function row(artifact: Artifact, value: unknown): AnyRow {
  const { hash, params } = artifact;
  return { artifact, hash, params, status: "DONE", value, createdAt: new Date(0), durationMs: 1500 };
}

describe("display()", () => {
  it("shows a plan as a tree that is folded as on the command line, in colours", async () => {
    const parts = Array.from({ length: 20 }, (_, n) => Part({ n }));
    const plan = await makePlan([Whole({ parts })], new FakeSource().done(...parts.slice(0, 8)));
    const { "text/plain": text, "text/html": html } = await display("plan", plan) as Record<string, string>;
    assertStringIncludes(text!, "└─ 12 x display/Part  TODO  n=8..19");
    assertStringIncludes(text!, "21 artifacts: 8 done, 0 in progress, 13 to do, 0 failed");
    assertMatch(html!, /^<pre .*<\/pre>$/s);
    assert(html!.includes("&#60;") === text!.includes("<"), html);
  });

  it("shows the beginning of a long plan, and its counts", async () => {
    let top: Artifact = Part({ n: 0 });
    const Chain = defineTask({
      name: "display/Chain",
      params: z.object({ of: z.any(), n: z.int() }),
      create: () => 1,
    });
    for (let n = 1; n < 500; n++) top = Chain({ of: top, n });
    const { "text/plain": text } = await display("plan", await makePlan([top], new FakeSource()));
    const lines = `${text}`.split("\n");
    assertEquals(lines.length, 303);
    assertStringIncludes(lines[300]!, "… and 202 more lines (furu plan shows all)");
    assertStringIncludes(lines.at(-1)!, "500 artifacts: 0 done");
  });

  it("shows an artifact with its parameters and its state, or what is missing below it", async () => {
    const path = await Deno.makeTempDir({ prefix: "furu-display-" });
    configure({ root: path });
    try {
      const alone = await display("artifact", Part({ n: 3 }));
      assertMatch(`${alone["text/plain"]}`, /^display\/Part\([0-9a-f]{8}\) {2}TODO {2}n=3 text=<i>$/);
      assertStringIncludes(`${alone["text/html"]}`, "text=&#60;i&#62;");
      const whole = await display("artifact", Whole({ parts: [Part({ n: 1 })] }));
      assertStringIncludes(`${whole["text/plain"]}`, "└─ display/Part(");
    } finally {
      await Deno.remove(path, { recursive: true });
    }
  });

  it("shows how a run ended in one line", async () => {
    const summary = {
      ...emptySummary({ runId: "local-1", nodes: 3, cached: 1 }),
      computed: 2,
      durationMs: 50,
    };
    assertEquals(
      (await display("summary", summary))["text/plain"],
      "2 computed, 1 cached in 0.05 s  local-1",
    );
  });
});

describe("tableDisplay()", () => {
  it("has the parameters that differ, and values by their parts; what is long is told by its length", () => {
    const value = {
      loss: 0.5,
      of: Part({ n: 9 }),
      weights: new Float64Array(1000),
      tags: ["a", "<b>"],
      name: "",
    };
    const shown = tableDisplay([row(Part({ n: 1 }), value), row(Part({ n: 2 }), { ...value, loss: 0.25 })]);
    const { "text/plain": text, "text/html": html } = shown as Record<string, string>;
    const [head, first] = text!.split("\n");
    assertEquals(head!.split(/ {2,}/).slice(0, 5), ["hash", "status", "n", "value.loss", "value.of"]);
    assertStringIncludes(first!, "Float64Array(1000)");
    assertMatch(html!, /<td style="text-align:left"><span>0\.25<\/span><\/td>/);
    assertStringIncludes(html!, "&#60;b&#62;");
    assert(!html!.includes("<b>"));
  });

  it("shows the first of many rows, and says so; none is no error", () => {
    const { "text/html": html } = tableDisplay(Array.from({ length: 130 }, (_, n) => row(Part({ n }), n)));
    assertEquals(`${html}`.match(/<tr>/g)?.length, 101);
    assertStringIncludes(`${html}`, "… and 30 more rows");
    assertEquals(tableDisplay([]), { "text/plain": "no results" });
  });
});
