import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { ProtocolError } from "../../../lib/core/errors.ts";
import { ARTIFACT, type Artifact, type TaskDefinition } from "../../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../../lib/task/define.ts";
import { decodeArtifact, paramsText, withAllBelow } from "../../../lib/task/artifact/reference.ts";
import { findTask } from "../../../lib/task/artifact/registry.ts";

let drawn = 0;
const Data = defineTask({
  name: "reference/Data",
  params: z.object({
    // Neither a default nor a transform that could be repeated.
    seed: z.int().default(() => drawn++),
    text: z.string().transform((text) => `${text}!`),
    path: z.string().default("/a"),
    rest: z.any().optional(),
  }),
  unhashed: ["path"],
  legacy: { text: "old!" },
  create: () => 1,
});
const Train = defineTask({
  name: "reference/Train",
  params: z.object({ data: z.array(Data.schema), lr: z.number() }),
  create: () => 1,
});
const Chain = defineTask({
  name: "reference/Chain",
  params: z.object({ before: z.any(), n: z.int() }),
  create: () => 1,
});

type Table = Map<string, { name: string; params: Record<string, unknown> }>;

/** These and all below them, as another process is handed them. */
function tableOf(...roots: Artifact[]): Table {
  return new Map(
    [...withAllBelow(roots)].map((artifact) =>
      [artifact.hash, { name: artifact.name, params: JSON.parse(paramsText(artifact)) }] as const
    ),
  );
}

describe("withAllBelow() and paramsText()", () => {
  it("give each artifact once, in canonical form, with unhashed and legacy parameters", () => {
    const data = Data({ text: "old", path: "/b", seed: 7 });
    const train = Train({ data: [data, data], lr: 1 });
    const reference = { $artifact: ["reference/Data", data.hash] };
    assertEquals([...withAllBelow([train, train, data])], [train, data]);
    assertEquals(Object.fromEntries(tableOf(train, train, data)), {
      [train.hash]: { name: "reference/Train", params: { data: [reference, reference], lr: 1 } },
      [data.hash]: { name: "reference/Data", params: { path: "/b", seed: 7, text: "old!" } },
    });
  });

  it("give declared dependencies too", () => {
    const data = Data({ text: "x" });
    const Report = defineTask({
      name: "reference/Report",
      params: z.object({}),
      dependencies: () => [data],
      create: () => 1,
    });
    const report = Report();
    const table = tableOf(report);
    assertEquals([...table.keys()], [report.hash, data.hash]);
    assertEquals(decodeArtifact(report.hash, table, findTask).hash, report.hash);
  });
});

describe("decodeArtifact()", () => {
  it("makes the same artifact, without parsing its parameters again", () => {
    const rest = {
      bytes: new Uint8Array([1]),
      big: 1n,
      at: new Date(5),
      map: new Map([[1, new Set([2])]]),
      $x: 1,
    };
    const train = Train({ data: [Data({ text: "a", path: "/b", rest })], lr: 0.1 });
    const again = decodeArtifact(train.hash, tableOf(train), findTask) as typeof train;
    assertEquals(again, train);
    assertEquals(again.params.data[0]!.params, train.params.data[0]!.params);
    assertEquals(again.params.data[0]!.params.rest, rest);
    assertEquals(again.params.data[0]!.params.path, "/b");
    assert(Object.isFrozen(again.params.data));
    assertEquals(again[ARTIFACT].dependencies, again.params.data);
  });

  it("makes each artifact once, and takes those made before", () => {
    const data = Data({ text: "a" });
    const [one, two] = [Train({ data: [data, data], lr: 1 }), Train({ data: [data], lr: 2 })];
    const table = tableOf(one, two);
    const made = new Map<string, Artifact>();
    const [a, b] = [one, two].map(({ hash }) => decodeArtifact(hash, table, findTask, made) as typeof one);
    assertStrictEquals(a!.params.data[0], a!.params.data[1]);
    assertStrictEquals(a!.params.data[0], b!.params.data[0]);
    assertEquals(made.size, 3);
  });

  it("takes chains of 100,000 artifacts", () => {
    let last: Artifact = Chain({ before: null, n: 0 });
    for (let n = 1; n < 100_000; n++) last = Chain({ before: last, n });
    const table = tableOf(last);
    assertEquals(table.size, 100_000);
    assertEquals(decodeArtifact(last.hash, table, findTask).hash, last.hash);
    assertEquals(table.size, 0);
    assert(Deno.inspect(last).length < 500);
  });

  const data = Data({ text: "a", seed: 1 });
  const train = Train({ data: [data], lr: 1 });
  const table = () => tableOf(train);
  const refuses = (changed: Table, message: string, lookup = findTask) =>
    assertThrows(() => decodeArtifact(train.hash, changed, lookup), ProtocolError, message);

  it("refuses an unknown task, naming it", () => {
    const lookup = (name: string) => name === "reference/Data" ? undefined : findTask(name);
    refuses(table(), "no task 'reference/Data'", lookup);
  });

  it("refuses what has another hash now, naming the task and both hashes", () => {
    const lookup = (name: string): TaskDefinition | undefined =>
      name === "reference/Data" ? { ...findTask(name)!, version: 2 } : findTask(name);
    refuses(table(), `the hash was ${data.hash} and is `, lookup);
    refuses(table(), "'reference/Data' has changed", lookup);
    const changed = table();
    changed.get(train.hash)!.params.lr = 2;
    refuses(changed, "'reference/Train' has changed");
  });

  it("refuses a table that lacks something, is damaged, or goes round in circles", () => {
    const without = table();
    without.delete(data.hash);
    refuses(without, `Cannot make artifact ${data.hash}`);
    const damaged = table();
    damaged.get(data.hash)!.params.rest = { $bigint: "x" };
    refuses(damaged, "Cannot decode tag '$bigint'");
    const circle = table();
    circle.get(data.hash)!.params.rest = { $artifact: ["reference/Train", train.hash] };
    refuses(circle, "in its own parameters");
    refuses(new Map(), "were not handed over");
  });
});
