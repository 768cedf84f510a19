import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { didYouMean, nearest } from "../../lib/core/nearest.ts";

describe("nearest()", () => {
  const known = ["learningRate", "seed", "size", "lr", "batchSize"];
  for (
    const [name, expected] of [
      ["sede", "seed"],
      ["sed", "seed"],
      ["learning_rate", "learningRate"],
      ["Seed", "seed"],
      ["l", "lr"],
      ["batchSizes", "batchSize"],
      ["momentum", undefined],
      ["x", undefined],
      ["", undefined],
    ] as const
  ) {
    it(`finds ${expected ?? "nothing"} for '${name}'`, () => assertEquals(nearest(name, known), expected));
  }

  it("does not take one letter for another", () => assertEquals(nearest("x", ["y"]), undefined));

  it("takes the first of equally near ones", () => assertEquals(nearest("cat", ["bat", "car"]), "bat"));
});

describe("didYouMean()", () => {
  it("is empty where nothing is near", () => {
    assertEquals(didYouMean("sede", ["seed"]), "; did you mean 'seed'?");
    assertEquals(didYouMean("momentum", ["seed"]), "");
  });
});
