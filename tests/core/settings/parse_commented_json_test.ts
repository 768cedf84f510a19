import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { parseCommentedJson } from "../../../lib/core/settings/parse_commented_json.ts";

describe("parseCommentedJson()", () => {
  it("passes over comments and last commas, and leaves strings alone", () => {
    const cases: [text: string, value: unknown][] = [
      ['{ "a": 1 }', { a: 1 }],
      ['{ // x\n "a": 1, /* y, } */ }', { a: 1 }],
      ['{ "a": "// no, ]", "b": ["/* no */", "\\"//",], }', { a: "// no, ]", b: ["/* no */", '"//'] }],
      ['{ "a": 1,\n  // "b": { "c": 1 },\n  "d": 2\n}', { a: 1, d: 2 }],
      ["[1, /* a */ /* b */]", [1]],
      ["// nothing else\nnull", null],
    ];
    for (const [text, value] of cases) assertEquals(parseCommentedJson(text), value, text);
  });

  it("refuses what is wrong beside them, with its line in the text as it was written", () => {
    for (const text of ["", "{", "[1,,2]", '{ "a": 1 "b": 2 }', "/* open", "{,}"]) {
      assertThrows(() => parseCommentedJson(text), SyntaxError);
    }
    const error = assertThrows(() => parseCommentedJson('{\n  // one\n  "a": 1\n  "b": 2 }'), SyntaxError);
    assertEquals(/line 4 column 3/.test(error.message), true, error.message);
  });
});
