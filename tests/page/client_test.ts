import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { graphElements } from "../../page/client/graph_elements.ts";
import { lanesOf } from "../../page/client/lanes.ts";
import { layOut, quick } from "../../page/client/layout.ts";
import { Model } from "../../page/client/model.ts";
import { columnsOf, parseFilter } from "../../page/client/table_columns.ts";
import { hashOf, nodeOf, reportOf, sweepOf } from "./rig.ts";

describe("graphElements()", () => {
  it("folds tasks, opens those that are asked for, and joins lines", () => {
    const model = new Model(reportOf(sweepOf(5)));
    const folded = graphElements(model, new Set());
    assertEquals(folded.boxes.map(({ id }) => id), ["task toy/Data", "task toy/Train", "task toy/Eval"]);
    assertEquals(folded.lines, [["task toy/Data", "task toy/Train"], ["task toy/Train", "task toy/Eval"]]);
    assertEquals(folded.boxes[1]!.label, "toy/Train\n5: 4 done, 1 failed");
    const open = graphElements(model, new Set(["toy/Train"]));
    assertEquals(open.boxes.length, 7);
    // What failed stands first.
    assertEquals(open.boxes[1]!.id, hashOf(4));
    assertEquals(open.lines.length, 10);
  });

  it("shows 300 artifacts of a task one by one, and the rest as one box", () => {
    const { boxes } = graphElements(new Model(reportOf(sweepOf(400))), new Set(["toy/Train"]));
    assertEquals(boxes.filter(({ kind }) => kind === "artifact").length, 300);
    assertEquals(boxes.find(({ kind }) => kind === "rest")?.label, "100 more of toy/Train");
  });
});

describe("layOut()", () => {
  const boxes = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ id: `${i}`, width: 80, height: 26 }));

  it("puts what is needed before what needs it, and no box over another", () => {
    const lines = [["0", "1"], ["0", "2"], ["1", "3"], ["2", "3"]] as const;
    for (const places of [layOut(boxes(4), lines), quick(boxes(4), lines)]) {
      for (const [from, to] of lines) {
        assert(places.get(from)!.x + 80 <= places.get(to)!.x, `${from} before ${to}`);
      }
      assert(Math.abs(places.get("1")!.y - places.get("2")!.y) >= 26);
    }
  });

  it("places what is in a circle, too", () => {
    const lines = [["0", "1"], ["1", "0"], ["1", "2"]] as const;
    assertEquals(quick(boxes(3), lines).size, 3);
    assertEquals(layOut(boxes(3), lines).size, 3);
  });

  it("takes many boxes in no time", () => {
    const many = boxes(20_000);
    const lines = many.slice(1).map(({ id }, i) => [`${i >> 1}`, id] as const);
    const begun = performance.now();
    assertEquals(layOut(many, lines).size, 20_000);
    assert(performance.now() - begun < 20_000, "it takes far too long");
  });
});

describe("lanesOf()", () => {
  const attempt = (from: number, to: number | undefined, worker = "a") =>
    ({ n: 1, outcome: to === undefined ? "running" : "success", worker, from, to }) as const;

  it("gives each worker a row, and more where its attempts overlap", () => {
    const lanes = lanesOf([
      nodeOf(0, { attempts: [attempt(0, 100)] }),
      nodeOf(1, { attempts: [attempt(50, 200)] }),
      nodeOf(2, { attempts: [attempt(100, undefined)] }),
      nodeOf(3, { attempts: [attempt(0, 10, "b")] }),
    ], undefined);
    assertEquals(lanes.map(({ worker, bars }) => [worker, bars.map(({ hash }) => hash)]), [
      ["a", [hashOf(0), hashOf(2)]],
      ["a", [hashOf(1)]],
      ["b", [hashOf(3)]],
    ]);
  });

  it("shows the attempts of the run alone, where there are any", () => {
    const nodes = [
      nodeOf(0, { attempts: [{ ...attempt(0, 1), run: "old" }, { ...attempt(5, 6), run: "new" }] }),
    ];
    assertEquals(lanesOf(nodes, "new").flatMap(({ bars }) => bars.map(({ run }) => run)), ["new"]);
    assertEquals(lanesOf(nodes, "other").flatMap(({ bars }) => bars).length, 2);
  });
});

describe("columnsOf() and parseFilter()", () => {
  const model = new Model(reportOf(sweepOf(12)));
  const nodes = model.groups.get("toy/Train")!.nodes;
  const columns = columnsOf(model, nodes);
  const found = (text: string): number => nodes.filter(parseFilter(text, columns)).length;

  it("has the parameters that differ, values, and what it took", () => {
    assertEquals(columns.map(({ name }) => name).slice(0, 8), [
      ...["hash", "status", "lr", "seed", "tag", "value.score", "took", "memory"],
    ]);
  });

  it("finds rows by words and by conditions", () => {
    assertEquals(found(""), 12);
    assertEquals(found("failed"), 1);
    assertEquals(found("status=failed"), 1);
    assertEquals(found("lr>0.05 seed<8"), 3);
    assertEquals(found("lr=0.01"), 2);
    assertEquals(found("score<0.995"), 6);
    assertEquals(found("value.score>=0.995"), 5);
    assertEquals(found("tag!=x"), 12);
    assertEquals(found("nothing=1"), 0);
    assertEquals(found("</script>"), 2);
  });
});
