import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { planDot, planMermaid } from "../../../lib/cli/view/plan_graph_text.ts";
import { limitsOfPlan, limitsText } from "../../../lib/cli/view/plan_limits.ts";
import {
  planJson,
  planTable,
  planTree,
  type PlanView,
  type ViewNode,
} from "../../../lib/cli/view/plan_view.ts";

const plain = { color: false, width: undefined };
const hash = (start: string): string => start.padEnd(32, "0");

function node(start: string, changes: Partial<ViewNode> & { needs?: string[] } = {}): ViewNode {
  const { needs = [], ...rest } = changes;
  return {
    hash: hash(start),
    name: "toy/Train",
    status: "TODO",
    spec: "default",
    dependencies: needs.map(hash),
    ...rest,
  };
}

function planOf(roots: string[], ...nodes: ViewNode[]): PlanView {
  return { roots: roots.map(hash), nodes: new Map(nodes.map((each) => [each.hash, each])) };
}

const diamond = planOf(
  ["a", "b"],
  node("a", { name: "Report", needs: ["b", "c"] }),
  node("b", { needs: ["d"], spec: "gpu" }),
  node("c", { status: "IN_PROGRESS", state: { owner: "pid 7 on h1" }, needs: ["d"] }),
  node("d", { name: "Data", status: "DONE" }),
);

describe("planTree()", () => {
  it("shows what several need once, then refers to it", () => {
    assertEquals(planTree(diamond, plain).split("\n"), [
      "Report(a0000000)  TODO",
      "├─ toy/Train(b0000000)  TODO  spec gpu",
      "│  └─ Data(d0000000)  DONE",
      "└─ toy/Train(c0000000)  IN_PROGRESS  by pid 7 on h1",
      "   └─ Data(d0000000)  DONE",
      "toy/Train(b0000000)  TODO  …above",
      "",
      "4 artifacts: 1 done, 1 in progress, 2 to do, 0 failed",
      "",
    ]);
  });

  it("tells in full, below, why a node cannot be read, as planTable() does; planJson() with the node", () => {
    const error = `its record ${"/very/long".repeat(20)}/x.json is empty; to compute it again, force it`;
    const plan = planOf(["a"], node("a", { status: "FAILED", state: { error, unreadable: true } }));
    for (
      const text of [
        planTree(plan, { color: false, width: 80 }),
        planTable(plan, { color: false, width: 80 }),
      ]
    ) {
      assertStringIncludes(text, `1 failed\n\n${error}\n`);
    }
    assertStringIncludes(planJson(plan), '"unreadable": true');
    const many = Array.from(
      { length: 7 },
      (_, i) => node(`${i}`, { status: "FAILED", state: { error, unreadable: true } }),
    );
    assertStringIncludes(planTree(planOf(many.map((each) => each.hash), ...many), plain), "… and 2 more");
  });

  it("names the spec of each where all are wanted", () => {
    const lines = planTree(diamond, { ...plain, allSpecs: true }).split("\n");
    assertEquals(lines[0], "Report(a0000000)  TODO  spec default");
    assertEquals(lines[3], "└─ toy/Train(c0000000)  IN_PROGRESS  spec default, by pid 7 on h1");
  });

  it("shows a chain deeper than calls can be nested", () => {
    const size = 20_000;
    const nodes = Array.from(
      { length: size },
      (_, i) => node(`${i}x`, i + 1 < size ? { needs: [`${i + 1}x`] } : {}),
    );
    const lines = planTree(planOf(["0x"], ...nodes), { color: false, width: 200 }).split("\n");
    assertEquals(lines.length, size + 3);
    assertEquals(lines[2], `   └─ toy/Train(2x000000)  TODO`);
    assertEquals(lines[45]?.trimStart(), `└─ (level 45) toy/Train(45x00000)  TODO`);
  });

  it("shows nothing, and lines no longer than the terminal", () => {
    assertEquals(planTree(planOf([]), plain), "0 artifacts: 0 done, 0 in progress, 0 to do, 0 failed\n");
    const failed = node("a", { status: "FAILED", state: { error: "boom\n".repeat(100) } });
    const [line = ""] = planTree(planOf(["a"], failed), { color: false, width: 40 }).split("\n");
    assertEquals(line, "toy/Train(a0000000)  FAILED  boom boom …");
  });
});

describe("planTable()", () => {
  it("has one line per artifact", () => {
    assertEquals(planTable(diamond, plain).split("\n").slice(0, 3), [
      "STATUS       ARTIFACT             SPEC     DEPENDENCIES  NOTE",
      "TODO         Report(a0000000)     default             2",
      "TODO         toy/Train(b0000000)  gpu                 1",
    ]);
  });
});

describe("limits and priority", () => {
  const plan = planOf(
    ["a"],
    node("a", { limits: { api: 2, license: 1 }, priority: 3, needs: ["b", "c"] }),
    node("b", { limits: { license: 1 }, priority: -1 }),
    node("c", { limits: { license: 1 }, priority: 3, status: "DONE" }),
  );

  it("are told of what is to be computed, in the tree, in the table and as JSON", () => {
    assertEquals(planTree(plan, plain).split("\n").slice(0, 3), [
      "toy/Train(a0000000)  TODO  takes 2 api + license, priority 3",
      "├─ toy/Train(b0000000)  TODO  takes license, priority -1",
      "└─ toy/Train(c0000000)  DONE",
    ]);
    assertStringIncludes(planTable(plan, plain), "takes 2 api + license, priority 3");
    const [a, b] = JSON.parse(planJson(plan)).nodes;
    assertEquals([a.limits, a.priority, b.priority], [{ api: 2, license: 1 }, 3, -1]);
    const { nodes: [plainNode] } = JSON.parse(
      planJson(planOf(["a"], node("a", { limits: {}, priority: 0 }))),
    );
    assertEquals(["limits", "priority"].filter((field) => field in plainNode), []);
  });

  it("are counted by limit, with why a run would be refused", () => {
    const limits = limitsOfPlan(plan, { license: 3, unused: 1 });
    assertEquals(limits, {
      limits: [{ name: "api", artifacts: 1 }, { name: "license", units: 3, artifacts: 2 }],
      limitProblems: [
        "toy/Train(a0000000) takes 2 of limit 'api', which is not set (limits that are set: license, unused)",
      ],
    });
    assertEquals(limitsText(limits, { withProblems: true }).split("\n"), [
      "limit api: not set, taken by 1 artifact",
      "limit license: 3, taken by 2 artifacts",
      "a run would be refused:",
      `  ${limits.limitProblems[0]}`,
      "",
    ]);
    assertEquals(limitsText(limitsOfPlan(diamond, { license: 3 }), { withProblems: true }), "");
  });
});

describe("planJson()", () => {
  it("is one document with roots, counts and nodes", () => {
    const json = JSON.parse(planJson(diamond));
    assertEquals(json.roots, [hash("a"), hash("b")]);
    assertEquals(json.counts, { done: 1, inProgress: 1, todo: 2, failed: 0 });
    assertEquals(json.nodes[2], {
      hash: hash("c"),
      name: "toy/Train",
      status: "IN_PROGRESS",
      spec: "default",
      dependencies: [hash("d")],
      owner: "pid 7 on h1",
    });
  });
});

describe("planDot()", () => {
  it("escapes labels and draws an arrow from each dependency", () => {
    const text = planDot(planOf(["a"], node("a", { name: 'odd"\\name', needs: ["b", "gone"] }), node("b")));
    assertStringIncludes(text, `[label="odd\\"\\\\name(a0000000)\\nTODO", fillcolor=`);
    assertStringIncludes(text, `  "${hash("b")}" -> "${hash("a")}";`);
    assertEquals(text.match(/->/g)?.length, 1);
  });
});

describe("planMermaid()", () => {
  it("escapes labels and draws an arrow from each dependency", () => {
    const text = planMermaid(
      planOf(["a"], node("a", { name: 'odd"]<b>#', needs: ["b"] }), node("b", { status: "DONE" })),
    );
    assertStringIncludes(text, `  n${hash("a")}["odd#34;#93;#60;b#62;#35;(a0000000)<br/>TODO"]:::TODO`);
    assertStringIncludes(text, `  n${hash("b")} --> n${hash("a")}`);
  });
});
