import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { furu } from "../rig.ts";
import * as pipeline from "../fixtures/pipeline.ts";

const script = { name: "s.ts", script: { url: "file:///x/s.ts", roots: pipeline.best } };

describe("furu get", () => {
  it("applies a task to parameters typed by its schema, and prints the value as JSON", async () => {
    const args = ["get", "pipeline.ts#Data", "--set", "seed=3", "--set", "size=2"];
    const { code, out, gets } = await furu(args);
    assertEquals({ code, value: JSON.parse(out) }, { code: 0, value: { size: 2, seed: 3 } });
    assertEquals(gets[0]?.force, false);
    const nested = await furu([
      "get",
      "pipeline.ts#Train",
      "--set",
      "data.seed=1",
      "--set",
      "lr=0.1",
      "--force",
    ]);
    assertEquals(nested.gets[0]?.artifact.hash, pipeline.best.hash);
    assertEquals(nested.gets[0]?.force, true);
  });

  it("finds a task by its name where no export is called so", async () => {
    const { gets } = await furu(["get", "no_default.ts#Data", "--set", "seed=3"]);
    assertEquals(gets[0]?.artifact.name, "clifix/Data");
  });

  it("takes an artifact, or the only one of an array", async () => {
    for (const reference of ["pipeline.ts", "pipeline.ts#best", "pipeline.ts#later"]) {
      const { gets } = await furu(["get", reference]);
      assertEquals(gets[0]?.artifact.hash, pipeline.best.hash);
    }
  });

  it("ends with 2 for parameters that don't fit, naming the nearest", async () => {
    const { code, err } = await furu(["get", "pipeline.ts#Data", "--set", "sede=3"]);
    assertEquals(code, 2);
    assertStringIncludes(err, "did you mean 'seed'?");
    const wrong = await furu(["get", "pipeline.ts#Data", "--set", "seed=three"]);
    assertEquals(wrong.code, 2);
    assertStringIncludes(wrong.err, "seed");
  });

  it("refuses several artifacts, and --set without a task", async () => {
    const many = await furu(["get", "pipeline.ts#nested"]);
    assertEquals(many.code, 2);
    assertMatch(many.err, /one artifact is needed: it is 2 \(clifix\/Train\(/);
    const set = await furu(["get", "pipeline.ts#best", "--set", "lr=1"]);
    assertEquals(set.code, 2);
    assertStringIncludes(set.err, "Cannot use --set with pipeline.ts#best: it is no task");
  });

  it("a script's get takes a task by its name or its last word, and its only root", async () => {
    for (const word of ["clifix/Data", "Data"]) {
      const { gets, err } = await furu(["get", word, "--set", "seed=3"], { program: script });
      assertEquals({ name: gets[0]?.artifact.name, err }, { name: "clifix/Data", err: "" });
    }
    assertEquals((await furu(["get"], { program: script })).gets[0]?.artifact.hash, pipeline.best.hash);
    const { code, err } = await furu(["get", "Dota"], { program: script });
    assertEquals(code, 2);
    assertStringIncludes(err, "Cannot find task 'Dota'; did you mean 'Data'?");
  });
});
