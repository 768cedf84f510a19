import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConfigError, ValidationError } from "../../lib/core/errors.ts";
import { mergeLimits, NO_UNITS, parseLimits } from "../../lib/core/settings/limits.ts";
import { checkLimits, limitFaults } from "../../lib/plan/limits.ts";
import { unitsOf } from "../../lib/task/limits.ts";

const hash = "0123456789abcdef0123456789abcdef";
const node = (name: string, limits?: Record<string, number>) => ({ name, hash, ...(limits && { limits }) });

describe("unitsOf()", () => {
  const fail = (reason: string): never => {
    throw new ValidationError(reason);
  };

  it("takes a name, units by name, and lists of both", () => {
    const table: [unknown, Record<string, number>][] = [
      ["license", { license: 1 }],
      [["license", { api: 2 }], { api: 2, license: 1 }],
      [{ b: 1, a: 3, none: 0 }, { a: 3, b: 1 }],
    ];
    for (const [given, units] of table) {
      const read = unitsOf(given, "x", fail);
      assertEquals(Object.entries(read), Object.entries(units), "sorted by name");
    }
    for (const nothing of [[], {}, { a: 0 }]) assertEquals(unitsOf(nothing, "x", fail) === NO_UNITS, true);
  });

  it("refuses everything else", () => {
    for (
      const bad of [undefined, null, 3, "", "a b", ".a", [["a"]], { a: -1 }, { a: 0.5 }, ["a", { a: 1 }]]
    ) {
      assertThrows(() => unitsOf(bad, "x", fail), ValidationError, "x must");
    }
  });
});

describe("parseLimits() and mergeLimits()", () => {
  it("reads what a variable or a flag says", () => {
    assertEquals(parseLimits("license=3, api=8"), { license: 3, api: 8 });
    for (const bad of ["", "license", "license=", "license=1.5", "a=1,a=2", "a b=1"]) {
      assertEquals(parseLimits(bad), bad);
    }
    assertEquals(mergeLimits({ a: 1, b: 1 }, undefined, { b: 2 }), { a: 1, b: 2 });
    assertEquals(mergeLimits(undefined), undefined);
  });
});

describe("limitFaults()", () => {
  it("names what is not set, with the nearest name, and what takes more than there is", () => {
    const nodes = [
      node("toy/A", { licence: 1 }),
      node("toy/A", { licence: 1 }),
      node("toy/B", { api: 9 }),
      node("toy/C", { api: 8 }),
      node("toy/D"),
    ];
    assertEquals(limitFaults(nodes, { license: 3, api: 8 }), [
      "toy/A(01234567) takes 1 of limit 'licence', which is not set; did you mean 'license'? " +
      "(limits that are set: license, api)",
      "toy/B(01234567) takes 9 of limit 'api', which has 8",
    ]);
    assertEquals(limitFaults([node("toy/A", { x: 1 })], {}), [
      "toy/A(01234567) takes 1 of limit 'x', which is not set (no limit is set)",
    ]);
    assertThrows(() => checkLimits(nodes, { api: 8 }), ConfigError, "--limit NAME=UNITS");
    checkLimits([node("toy/D")]);
  });
});
