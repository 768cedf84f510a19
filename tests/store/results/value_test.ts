import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import fc from "fast-check";
import { StoreError, ValidationError } from "../../../lib/core/errors.ts";
import type { Hash } from "../../../lib/core/hash.ts";
import { artifactPaths } from "../../../lib/store/layout.ts";
import type { ValuePlaces } from "../../../lib/store/results/value_path.ts";
import { decodeValue, type EncodedValue, encodeValue } from "../../../lib/store/results/value.ts";
import { data, FakeArtifact, fakeReference, same } from "../../core/data.ts";

const root = "/store";
const paths = artifactPaths(root, { name: "toy/Train", hash: "a".repeat(32) as Hash });
const attempt = { n: 2, id: "x" };
const dir = `${paths.home}/2-x`;
/** The folder of another artifact's attempt. */
const other = `/store/artifacts/toy/Data/${"b".repeat(32)}/1-y`;

function encode(value: unknown, places: Partial<ValuePlaces> = {}): EncodedValue {
  return encodeValue(value, {
    places: { root, paths, attempt, ...places },
    artifactReference: fakeReference,
    owner: "toy/Train(4f0c12ab)",
  });
}

function decode(
  { json, files }: Pick<EncodedValue, "json" | "files">,
  into: string = dir,
  below: string = root,
): Promise<unknown> {
  return decodeValue(JSON.parse(json), {
    dir: into,
    root: below,
    artifact: (name, hash) => new FakeArtifact(name, hash),
    readBytes: (path) => {
      const file = files.find(({ name }) => path === `${into}/${name}`);
      return file ? Promise.resolve(file.bytes.slice()) : Promise.reject(new Deno.errors.NotFound(path));
    },
  });
}

const there = async (value: unknown) => await decode(encode(value));

describe("encodeValue() and decodeValue()", () => {
  it("give back data as it was", async () => {
    await fc.assert(fc.asyncProperty(data, async (value) => assert(same(await there(value), value))));
  });

  it("give back what identities may not hold", async () => {
    const value = { nan: NaN, list: [Infinity, -Infinity, -0, 0, undefined, null], none: undefined };
    const again = await there(value) as typeof value;
    assertEquals(again, value);
    assert(Object.is(again.list[2], -0) && Object.is(again.list[3], 0));
    assert("none" in again);
    assertEquals(await there(undefined), undefined);
    assertEquals(await there(NaN), NaN);
    assert(Number.isNaN((await there(new Date(NaN)) as Date).getTime()));
  });

  it("keep the order of keys, members and entries", async () => {
    const value = { b: 1, a: new Set([3, 1, 2]), m: new Map([["z", 1], ["y", 2]]) };
    const again = await there(value) as typeof value;
    assertEquals(Object.keys(again), ["b", "a", "m"]);
    assertEquals([[...again.a], [...again.m.keys()]], [[3, 1, 2], ["z", "y"]]);
  });

  it("write plain JSON for plain values", () => {
    assertEquals(encode({ b: [1, "x", null], a: true }).json, '{"b":[1,"x",null],"a":true}');
  });

  it("keep a user's own keys that look like tags", async () => {
    const value = { $date: "x", $$path: 1, $file: { $undefined: true } };
    assertEquals(await there(value), value);
    assertEquals(JSON.parse(encode(value).json).$$date, "x");
  });

  it("store strings below the attempt's folder relative, so that a store can be moved", async () => {
    const value = [dir, `${dir}/`, `${dir}/a/b.bin`, `${dir}/a//b/`, `x${dir}`, "./a", "."];
    const encoded = encode({ value, deep: new Map([[`${dir}/k`, [`${dir}/v`]]]) });
    assertEquals(JSON.parse(encoded.json).value[2], { $path: "./a/b.bin" });
    assertEquals([encoded.namesDir, encode("x").namesDir], [true, false]);
    assertEquals(await decode(encoded), { value, deep: new Map([[`${dir}/k`, [`${dir}/v`]]]) });
    const moved = await decode(encoded, "/new") as { value: string[] };
    assertEquals(moved.value.slice(0, 5), ["/new", "/new/", "/new/a/b.bin", "/new/a//b/", `x${dir}`]);
  });

  it("find paths into the attempt's folder however they are written", async () => {
    const places: Partial<ValuePlaces> = {
      aliases: [["/disk/s", root], ["/far/train", paths.home]],
      cwd: () => "/store/..//store/artifacts/toy",
    };
    const written = {
      [`${dir}/a`]: `${dir}/b/../a`,
      "/store/./artifacts//toy/Train/../Train/": "",
      [`/disk/s${dir.slice(root.length)}/a`]: "/far/train/2-x/a",
      [`file://${dir}/a%20b?x=1#y`]: `FILE://localhost${dir}/./c`,
      [`../../artifacts/toy/Train/${paths.hash}/2-x/a`]: "artifacts/of/nothing",
      "artifacts/ of text": `saved to ${dir}/a`,
    };
    const encoded = encode([written, new Set(Object.keys(written))], places);
    const [values, keys] = await decode(encoded, "/new/at", "/new") as [Record<string, string>, Set<string>];
    // The same file by another name is the same key: the last one counts.
    assertEquals(values, {
      "/new/at/a": "artifacts/of/nothing",
      "/new/artifacts/toy/Train/": "",
      "file:///new/at/a%20b?x=1#y": "file:///new/at/c",
      "artifacts/ of text": `saved to ${dir}/a`,
    });
    assertEquals([...keys].sort(), Object.keys(values).sort());
  });

  it("store other paths into the store relative to it, and tell whose files they name", async () => {
    const value = [
      `${other}/model.bin`,
      other,
      "/store/raw/rows.csv",
      "/store",
      "/storeroom/x",
      `${dir}/../../x`,
    ];
    const encoded = encode(value);
    assertEquals(encoded.uses, [other.slice("/store/".length)]);
    assertEquals(await decode(encoded, "/new/at", "/new"), [
      `/new${other.slice(6)}/model.bin`,
      `/new${other.slice(6)}`,
      "/new/raw/rows.csv",
      "/new",
      "/storeroom/x",
      "/new/artifacts/toy/Train/x",
    ]);
  });

  it("refuse paths to what will be gone, and say what to do instead", () => {
    const wrong: [unknown, string][] = [
      [
        { state: `${dir}.checkpoint/state.json` },
        "value.state of toy/Train(4f0c12ab): it is a path into ctx.check",
      ],
      [new Map([[`${dir}.checkpoint`, 1]]), "value[key 0] of"],
      [{ [`${dir}.checkpoint`]: 1 }, "write what is to stay to ctx.dir"],
      [[`file://${dir}.checkpoint/a`], "value[0] of"],
      [`${dir}/../2-x.checkpoint/a`, "ctx.checkpointDir"],
      [`/far/2-x.checkpoint/a`, "ctx.checkpointDir"],
      [`${paths.home}/1-w/a`, "another attempt (1-w)"],
      [`${other}.checkpoint/a`, "ctx.checkpointDir of another artifact"],
    ];
    for (const [value, text] of wrong) {
      assertThrows(() => encode(value, { aliases: [["/far", paths.home]] }), ValidationError, text);
    }
  });

  it("encode objects with paths for keys, one in another, in linear time", async () => {
    let value: unknown = 1;
    for (let i = 0; i < 60; i++) value = { a: 1, [`${dir}/${i}`]: value };
    assertEquals(await there(value), value);
  });

  it("put typed arrays above 4 KiB into files of raw bytes", async () => {
    const whole = Float64Array.from({ length: 1000 }, (_, i) => i / 3);
    const value = {
      small: new Uint8Array(4096).fill(7),
      large: whole,
      part: whole.subarray(10, 700),
      last: [1],
    };
    const encoded = encode(value);
    assertEquals(encoded.files.map(({ name, bytes }) => [name, bytes.byteLength]), [
      [".furu-value-0.bin", 8000],
      [".furu-value-1.bin", 5520],
    ]);
    assertEquals(await decode(encoded), value);
    assertEquals(await decode(encode([new BigInt64Array(600).fill(-1n)])), [
      new BigInt64Array(600).fill(-1n),
    ]);
  });

  it("say when a file of bytes is missing or has another size", async () => {
    const encoded = encode(new Uint8Array(5000));
    await assertRejects(() => decode({ ...encoded, files: [] }), Deno.errors.NotFound);
    const short = { name: ".furu-value-0.bin", bytes: new Uint8Array(4999) };
    await assertRejects(() => decode({ ...encoded, files: [short] }), StoreError, "it has 4999");
  });

  it("refuse what no such value was encoded as", async () => {
    for (
      const json of [
        { $typedFile: ["Uint8Array", "../../secret", 1] },
        { $typedFile: ["Uint8Array", "a", -1] },
        { $typedFile: ["Float64Array", "a", 7] },
      ]
    ) await assertRejects(() => decode({ json: JSON.stringify(json), files: [] }), StoreError);
    for (const json of [{ $path: "/etc/passwd" }, { $number: "5" }, { $future: 1 }, { $undefined: false }]) {
      await assertRejects(() => decode({ json: JSON.stringify(json), files: [] }), ValidationError);
    }
  });

  it("hand artifacts to the option that makes them", async () => {
    const artifact = new FakeArtifact("toy/Train", "1".repeat(32));
    const again = await there({ best: artifact }) as { best: FakeArtifact };
    assertEquals(again.best, artifact);
  });

  it("do not change or share the JSON value", async () => {
    const json = { a: [{ $number: "NaN" }] };
    const before = structuredClone(json);
    const value = await decodeValue(json, {
      dir,
      root,
      artifact: () => 1,
      readBytes: () => Promise.reject(),
    }) as {
      a: unknown[];
    };
    value.a.push(1);
    assertEquals(json, before);
  });

  class Model {}
  const cycle: unknown[] = [];
  cycle.push({ cycle });
  for (
    const [what, value, message] of [
      [
        "a function",
        { rows: [0, 0, 0, () => 1] },
        "Cannot store value.rows[3] of toy/Train(4f0c12ab): it is a function",
      ],
      ["a symbol", Symbol("x"), "Cannot store value of"],
      ["a class instance", { m: new Model() }, "value.m of toy/Train(4f0c12ab): it is an instance of Model"],
      ["a promise", { m: Promise.resolve() }, "await it"],
      ["an error", [new Error("x")], "instance of Error"],
      ["a cycle", cycle, "value[0].cycle of toy/Train(4f0c12ab): it is value again"],
      ["a hole", new Array(3), "value[0] of toy/Train(4f0c12ab): it is a hole"],
      ["too much depth", JSON.parse("[".repeat(201) + "]".repeat(201)), "deeper than 200"],
    ] as const
  ) {
    it(`refuse ${what}, naming its path`, () => {
      assertThrows(() => encode(value), ValidationError, message);
    });
  }

  it("do not copy the bytes of large arrays", () => {
    const large = new Uint8Array(5000);
    assertStrictEquals(encode(large).files[0]!.bytes.buffer, large.buffer);
  });
});
