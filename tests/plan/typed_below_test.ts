import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { typedBelow } from "../../lib/plan/typed_below.ts";
import { defineTask } from "../../lib/task/define.ts";

const shape = z.object({ n: z.int().default(0), of: z.array(z.any()).default([]) });
const InFile = defineTask({ name: "typed/InFile", params: shape, create: () => 1 });
const InCell = defineTask({
  name: "typed/InCell",
  params: shape,
  create: () => 1,
  module: "file:///home/me/$deno$jupyter_repl.mts",
});

describe("typedBelow()", () => {
  it("finds what is typed in, and what depends on it over any number of steps", () => {
    const cell = InCell();
    const [other, above] = [InFile({ n: 1 }), InFile({ n: 2, of: [cell] })];
    const top = InFile({ n: 3, of: [other, above] });
    assertEquals(typedBelow([top, other]), new Set([cell.hash, above.hash, top.hash]));
    assertEquals(typedBelow([InCell({ of: [other] })]).has(other.hash), false);
    assertEquals(typedBelow([other, {} as never]), new Set());
  });

  it("goes down chains of any length", () => {
    let top = InCell();
    for (let n = 1; n < 1_000; n++) top = InFile({ n, of: [top] });
    assertEquals(typedBelow([top]).size, 1_000);
  });
});
