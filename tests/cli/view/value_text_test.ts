import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FuruError } from "../../../lib/core/errors.ts";
import { valueText } from "../../../lib/cli/view/value_text.ts";
import { best } from "../fixtures/pipeline.ts";

describe("valueText()", () => {
  it("is JSON, with flat arrays on one line", () => {
    const value = {
      a: 1,
      list: [1, 2, 3],
      deep: [{ x: null }, []],
      empty: {},
      none: undefined,
      text: 'q"\n',
    };
    const text = valueText(value);
    assertEquals(JSON.parse(text), {
      a: 1,
      list: [1, 2, 3],
      deep: [{ x: null }, []],
      empty: {},
      text: 'q"\n',
    });
    assertEquals(text.split("\n").slice(0, 4), ["{", '  "a": 1,', '  "list": [1, 2, 3],', '  "deep": [']);
  });

  it("prints what JSON has no word for", () => {
    const cases: [unknown, string][] = [
      [undefined, "null"],
      [123456789012345678901234567890n, "123456789012345678901234567890"],
      [new Date(0), '"1970-01-01T00:00:00.000Z"'],
      [new Map([["b", 1], ["__proto__", 2]]), '{\n  "b": 1,\n  "__proto__": 2\n}'],
      [new Map([[1, "x"]]), '[\n  [1, "x"]\n]'],
      [new Set([1, 2]), "[1, 2]"],
      [new Float32Array([0.5, NaN, 2]), "[0.5, null, 2]"],
      [new BigInt64Array([5n]), "[5]"],
      [new Uint8Array([1, 2]).buffer, "[1, 2]"],
      [new DataView(new Uint8Array([1, 2, 3]).buffer, 1), "[2, 3]"],
      [[, 1], "[null, 1]"],
      [[undefined, () => 1], "[null, null]"],
    ];
    assertEquals(cases.map(([value]) => valueText(value)), cases.map(([, text]) => text));
    assertEquals(JSON.parse(valueText({ best })), { best: { $artifact: [best.name, best.hash] } });
  });

  it("prints a value twice that is there twice, and refuses one that contains itself", () => {
    const shared = { x: 1 };
    assertEquals(JSON.parse(valueText([shared, shared])), [shared, shared]);
    const round: Record<string, unknown> = {};
    round.map = new Map([["me", round]]);
    assertThrows(() => valueText(round), FuruError, "contains itself");
  });
});
