import { assertEquals, assertNotStrictEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ValidationError } from "../../lib/core/errors.ts";
import { grid } from "../../lib/task/grid.ts";

describe("grid()", () => {
  it("is the product, the last list varying fastest", () => {
    assertEquals(grid({ lr: [0.1, 0.01], seed: [1, 2] }), [
      { lr: 0.1, seed: 1 },
      { lr: 0.1, seed: 2 },
      { lr: 0.01, seed: 1 },
      { lr: 0.01, seed: 2 },
    ]);
  });

  it("is one empty point without lists, and nothing with an empty list", () => {
    assertEquals(grid({}), [{}]);
    assertEquals(grid({ lr: [0.1], seed: [] }), []);
  });

  it("gives a fresh object for each point", () => {
    const [a, b] = grid({ lr: [0.1, 0.1] });
    assertNotStrictEquals(a, b);
  });

  it("refuses what is no list", () => {
    assertThrows(() => grid({ lr: 0.1 as never }), ValidationError, "'lr' must be an array");
    assertThrows(() => grid({ lr: "abc" as never }), ValidationError, "'lr' must be an array");
  });
});
