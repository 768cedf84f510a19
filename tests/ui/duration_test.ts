import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { formatDuration } from "../../lib/ui/duration.ts";

describe("formatDuration()", () => {
  it("is as exact as people need", () => {
    const cases: [number, string][] = [
      [-5, "0.00 s"],
      [0, "0.00 s"],
      [350, "0.35 s"],
      [994, "0.99 s"],
      [999, "1.0 s"],
      [4200, "4.2 s"],
      [9960, "10 s"],
      [42_400, "42 s"],
      [59_700, "1m"],
      [200_000, "3m 20s"],
      [3_599_700, "1h"],
      [7_512_000, "2h 5m"],
      [90_000_000, "1d 1h"],
    ];
    assertEquals(cases.map(([ms]) => formatDuration(ms)), cases.map(([, text]) => text));
  });
});
