import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { canonicalJson } from "../../lib/core/json/canonical.ts";
import { differingPaths, flatParams, foldedLine, paramsLine } from "../../lib/ui/params_text.ts";

/** As an identity has them. */
const flat = (params: unknown) => flatParams(JSON.parse(canonicalJson(params)));

describe("parameters for people", () => {
  it("stand one by one with their paths, whatever they are", () => {
    const params = {
      lr: 0.1,
      data: { size: 10, name: "a b", empty: {} },
      on: true,
      none: null,
      layers: [1, [2, "x"]],
      at: new Date("2026-01-02T03:04:05Z"),
      big: 10n ** 20n,
      set: new Set([2, 1]),
      bytes: new Uint8Array(1000),
      "$odd": 1,
    };
    assertEquals(paramsLine(flat(params)).split(" ").sort(), [
      "$odd=1",
      "at=2026-01-02T03:04:05.000Z",
      'b"',
      "big=100000000000000000000",
      "bytes=Uint8Array(…)",
      "data.empty={}",
      'data.name="a',
      "data.size=10",
      "layers=[1,[2,x]]",
      "lr=0.1",
      "none=null",
      "on=true",
      "set={1,2}",
    ]);
    assertEquals(paramsLine(flat({})), "");
    assertEquals(paramsLine(flat({ text: "x".repeat(1000) })).length, 45);
  });

  it("show an artifact as furu prints it", () => {
    assertEquals(
      paramsLine(flatParams({ data: { $artifact: ["toy/Prep", "0123456789abcdef0123456789abcdef"] } })),
      "data=toy/Prep(01234567)",
    );
  });

  it("are told apart in a group, also where some lack one", () => {
    const group = [flat({ lr: 1, seed: 1, model: "tree" }), flat({ lr: 2, seed: 1, model: "tree", more: 1 })];
    assertEquals([...differingPaths(group)].sort(), ["lr", "more"]);
    assertEquals([...differingPaths(group.slice(0, 1))], []);
    assertEquals(paramsLine(group[0]!, new Set(["lr", "more"])), "lr=1");
  });

  it("are folded: few values by name, many numbers as a range", () => {
    const group = [0.1, 0.001, 0.03, 0.01, 10].flatMap((lr) =>
      ["a", "b"].map((model) => flat({ lr, model, seed: 1 }))
    );
    assertEquals(foldedLine(group), "lr=0.001..10, model=a,b");
    const names = ["e", "d", "c", "b", "a"].map((model) => flat({ model }));
    assertEquals(foldedLine(names), "model=a,b,c,… (5)");
  });
});
