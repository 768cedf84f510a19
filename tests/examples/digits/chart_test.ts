import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { renderChart } from "../../../examples/digits/chart.ts";

describe("renderChart()", () => {
  it("draws a dot for each run and a line for each regularisation, inside the picture", () => {
    const points = [0.01, 0.1].flatMap((lr) =>
      [0, 0.001].flatMap((l2) =>
        [1, 2].map((seed) => ({ lr, l2, validation: 0.8 + lr - 10 * l2 + seed / 100 }))
      )
    );
    const svg = renderChart(points);
    assertMatch(svg, /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"[^]*<\/svg>\n$/);
    assertEquals(svg.match(/<circle /g)?.length, 8);
    assertEquals(svg.match(/<polyline /g)?.length, 2);
    assert(svg.includes(">l2 = 0.001<"));
    for (const [, x, y] of svg.matchAll(/cx="([^"]+)" cy="([^"]+)"/g)) {
      assert(Number(x) > 0 && Number(x) < 640 && Number(y) > 0 && Number(y) < 400, `${x}, ${y}`);
    }
  });

  it("draws better runs higher, and higher rates further right", () => {
    const svg = renderChart([{ lr: 0.01, l2: 0, validation: 0.7 }, { lr: 1, l2: 0, validation: 0.9 }]);
    const [worse, better] = [...svg.matchAll(/cx="([^"]+)" cy="([^"]+)"/g)].map((
      [, x, y],
    ) => [Number(x), Number(y)]);
    assert(worse![0]! < better![0]! && worse![1]! > better![1]!);
  });

  it("draws a single run as well", () => {
    assert(!renderChart([{ lr: 0.1, l2: 0, validation: 0.9 }]).includes("NaN"));
  });
});
