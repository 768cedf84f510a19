import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { tableCsv, tableMarkdown } from "../../../lib/cli/takeout/table_text.ts";
import { sweepRig } from "./rig.ts";

/** Reads CSV as RFC 4180 says. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  const cells: string[] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy;
  for (let match; (match = cell.exec(text));) {
    cells.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    if (match[3] !== ",") rows.push(cells.splice(0));
  }
  assertEquals(rows.map((row) => row.length).every((length) => length === rows[0]!.length), true, text);
  return rows;
}

describe("furu table", () => {
  it("has a row for each artifact, and columns for what differs, values, and what they took", async () => {
    await using sweep = await sweepRig();
    const { code, out, err } = await sweep.run("table", "toy/Train", "--sort", "lr");
    assertEquals({ code, err }, { code: 0, err: "" });
    const [head = "", ...lines] = out.trimEnd().split("\n");
    assertEquals(head.split(/ +/), [
      ...["hash", "status", "data", "lr", "value.score", "value.text", "value.status", "value.big"],
      ...[
        "value.list",
        "value.none",
        "value.model",
        "value.data",
        "value.weights",
        "duration",
        "memory",
        "cpu",
      ],
    ]);
    assertEquals(lines.map((line) => line.split(/ +/)[1]), ["done", "done", "failed"]);
    assertMatch(
      lines[0]!,
      /^[0-9a-f]{8} +done +toy\/Data\([0-9a-f]{8}\) +0\.25 .* a\|b, "c" d .*Float64Array\(1000\)/,
    );
    const all = await sweep.run("table", "toy/Train", "--all-columns");
    assertMatch(all.out, /^hash +status +data +lr +params\.status/);
  });

  it("JSON has flat objects with real types, and whole values", async () => {
    await using sweep = await sweepRig();
    const { out } = await sweep.run("table", "toy/Train", "--json", "--sort", "lr");
    const [first, second, failed] = JSON.parse(out);
    const data = `toy/Data(${sweep.hashOf("toy/Data", '"rows":10')})`;
    assertEquals({ ...first, ...unsteady(first) }, {
      hash: sweep.hashOf("toy/Train", '"lr":0.25'),
      status: "DONE",
      data,
      lr: 0.25,
      "value.score": 5,
      "value.text": 'a|b, "c"\nd\r',
      "value.status": "x",
      "value.big": 12,
      "value.list": [1, null],
      "value.none": null,
      "value.model": first["value.model"],
      "value.data": data,
      "value.weights": "Float64Array(1000)",
      ...unsteady(first),
    });
    assertEquals(Deno.readTextFileSync(first["value.model"]), "model of 0.25");
    assertEquals(second["value.score"], 20);
    assertEquals({ status: failed.status, hasValue: "value.score" in failed }, {
      status: "FAILED",
      hasValue: false,
    });
  });

  it("CSV and Markdown hold any text", async () => {
    await using sweep = await sweepRig();
    const csv = await sweep.run(
      "table",
      "toy/Train",
      "--csv",
      "--columns",
      "value.text,lr,value.list,value.none,error",
    );
    assertEquals(parseCsv(csv.out).sort(), [
      ["", "2", "", "", "diverged"],
      ['a|b, "c"\nd\r', "0.25", "[1,null]", "", ""],
      ['a|b, "c"\nd\r', "0.5", "[1,null]", "", ""],
      ["value.text", "lr", "value.list", "value.none", "error"],
    ]);
    const md = await sweep.run("table", "toy/Train", "--md", "-c", "lr,value.text", "-w", "lr=0.5");
    assertEquals(md.out, '| lr | value.text |\n| --: | --- |\n| 0.5 | a\\|b, "c"<br>d<br> |\n');
    assertEquals([tableCsv([], ["a,b", "c"]), tableMarkdown([], ["a|b"])], [
      '"a,b",c\r\n',
      "| a\\|b |\n| --- |\n",
    ]);
  });

  it("columns follow artifacts in parameters, and stand for all below them", async () => {
    await using sweep = await sweepRig();
    const { out } = await sweep.run(
      ...["table", "toy/Train", "--json", "--sort", "value.score", "--reverse", "--limit", "1"],
      ...["--columns", "data.rows,data.source,params.status,task,value.weights"],
    );
    assertEquals(JSON.parse(out), [{
      "data.rows": 20,
      "data.source.kind": "csv",
      "params.status": "x",
      task: "toy/Train",
      "value.weights": Array(1000).fill(0.5),
    }]);
    const twenty = await sweep.run(
      "table",
      "toy/Train",
      "--json",
      "-c",
      "lr",
      "-w",
      "data.rows=20",
      "-w",
      "value.score>1",
    );
    assertEquals(JSON.parse(twenty.out), [{ lr: 0.5 }]);
    const wrong = await sweep.run("table", "toy/Train", "-c", "lrr");
    assertEquals(wrong.code, 2);
    assertMatch(wrong.err, /--columns: there is no column 'lrr'; did you mean 'lr'\?/);
  });

  it("values in files are read only when they are wanted", async () => {
    await using sweep = await sweepRig();
    const value = sweep.rig.tree().find((name) => name.includes("toy/Long") && name.endsWith("value.json"))!;
    Deno.removeSync(join(sweep.rig.root, value));
    const without = await sweep.run("table", "toy/Long", "--json", "-c", "n", "--sort", "n");
    assertEquals({ code: without.code, rows: JSON.parse(without.out), err: without.err }, {
      code: 0,
      rows: [{ n: 1 }, { n: 2 }],
      err: "",
    });
    const whole = await sweep.run("table", "toy/Long", "--json", "-c", "value.n,value.text");
    assertEquals(whole.code, 1);
    assertEquals(JSON.parse(whole.out).filter((row: object) => "value.text" in row).length, 1);
    assertMatch(whole.err, /^the values of 1 artifact cannot be read: .*value\.json/);
  });

  it("writes files, and says what cannot be done", async () => {
    await using sweep = await sweepRig();
    const path = join(sweep.rig.folder, "out.csv");
    assertEquals((await sweep.run("table", "toy/Data", "-c", "rows", "-o", path, "--sort", "rows")).out, "");
    assertEquals(Deno.readTextFileSync(path), "rows\r\n10\r\n20\r\n");
    const missing = await sweep.run("table", "toy/Data", "-o", join(sweep.rig.folder, "no", "out.csv"));
    assertStringIncludes(missing.err, "Cannot write");
    const both = await sweep.run("table", "toy/Data", "--csv", "--md");
    assertEquals(both.code, 2);
    assertStringIncludes((await sweep.run("table", "toy/Dat")).err, "did you mean 'toy/Data'?");
    const none = await sweep.run("table", "toy/Data", "--json", "-w", "rows=7");
    assertEquals({ out: none.out, code: none.code }, { out: "[]\n", code: 0 });
    assert(none.err.startsWith("nothing of that"));
  });
});

/** What differs from run to run. */
function unsteady(row: Record<string, unknown>): Record<string, unknown> {
  const { durationMs, peakMemoryBytes, cpuSec } = row;
  return {
    durationMs,
    ...(peakMemoryBytes ? { peakMemoryBytes } : {}),
    ...(cpuSec === undefined ? {} : { cpuSec }),
  };
}
