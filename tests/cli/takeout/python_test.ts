import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { sweepRig } from "./rig.ts";

const python = await new Deno.Command("python3", { args: ["--version"], stdout: "null", stderr: "null" })
  .output()
  .then(({ success }) => success, () => false);
if (!python) console.error("there is no python3: the reader of docs/python.md is not tested");

/** The blocks of Python in the page. */
function blocks(): string[] {
  const page = Deno.readTextFileSync(new URL("../../../docs/python.md", import.meta.url));
  return [...page.matchAll(/^```python\n(.*?)^```$/gms)].map(([, code]) => code!);
}

const PRINT = `
import sys
for hash, params, value, record in results(sys.argv[1], sys.argv[2]):
    print(json.dumps([hash, params, value, record["durationMs"]], default=str))
`;

describe("docs/python.md", { ignore: !python }, () => {
  it("reads results of a store, tagged values and those in files, too", async () => {
    await using sweep = await sweepRig();
    const [reader = ""] = blocks();
    const path = join(sweep.rig.folder, "reader.py");
    Deno.writeTextFileSync(path, reader + PRINT);
    const read = async (
      task: string,
    ): Promise<[string, Record<string, unknown>, Record<string, unknown>, number][]> => {
      const { success, stdout, stderr } = await new Deno.Command("python3", {
        args: [path, sweep.rig.root, task],
      })
        .output();
      assert(success, new TextDecoder().decode(stderr));
      const lines = new TextDecoder().decode(stdout).trimEnd().split("\n");
      return lines.map((line) => JSON.parse(line.replaceAll("NaN", "null")));
    };
    const train = await read("toy/Train");
    assertEquals(train.map(([, { lr }]) => lr).sort(), [0.25, 0.5]);
    const [hash, params, value, ms] = train.find(([, { lr }]) => lr === 0.5)!;
    const data = `toy/Data(${sweep.hashOf("toy/Data", '"rows":20')})`;
    assertEquals({ hash, params, ms: ms >= 0 }, {
      hash: sweep.hashOf("toy/Train", '"lr":0.5'),
      params: { data, lr: 0.5, status: "x" },
      ms: true,
    });
    const { model, ...rest } = value;
    assertEquals(Deno.readTextFileSync(`${model}`), "model of 0.5");
    assertEquals(rest, {
      score: 20,
      text: 'a|b, "c"\nd\r',
      status: "x",
      big: 12,
      list: [1, null],
      none: null,
      data,
      weights: Array(1000).fill(0.5),
    });
    const [[, of, kinds] = []] = await read("toy/Kinds");
    assertEquals(of, { since: "1970-01-01 00:00:00+00:00", of: ["a", "b"] });
    assertEquals(kinds, {
      date: "2026-01-02 03:04:05+00:00",
      map: { a: 1 },
      set: [1, 2],
      small: [-1, 258],
      half: [0.5],
      $key: null,
      none: null,
    });
    const long = await read("toy/Long");
    assertEquals(long.map(([, , { n, text }]) => [n, `${text}`.length]).sort(), [[1, 300_000], [2, 300_000]]);
  });

  it("has a reader of few lines, and an example of its use", () => {
    const [reader = "", example = "", ...more] = blocks();
    assert(reader.trimEnd().split("\n").length < 40);
    assertStringIncludes(example, "in results(");
    assertEquals(more, []);
  });
});
