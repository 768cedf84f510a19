import { assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ValidationError } from "../../lib/core/errors.ts";
import { checkName, checkWord } from "../../lib/core/names.ts";

describe("checkName()", () => {
  for (const name of ["a", "toy/Train", "A-b_c.d/0/x", "0123abcd", "x".repeat(200)]) {
    it(`accepts '${name.slice(0, 20)}'`, () => checkName("task name", name));
  }
  const hash = "0123456789abcdef0123456789abcdef";
  for (
    const name of [
      ...["", "/a", "a/", "a//b", ".a", "a/.b", "..", "a/../b", "a b", "a\\b", "ä", "a\n", "a:b"],
      ...[hash, `a/${hash}`, `${hash}.json/a`, hash.toUpperCase(), "x".repeat(201), 5, null, undefined],
    ]
  ) {
    it(`refuses ${JSON.stringify(name)?.slice(0, 20)}`, () => {
      assertThrows(() => checkName("task name", name), ValidationError, "task name");
    });
  }
});

describe("checkWord()", () => {
  it("accepts one word only", () => {
    checkWord("spec", "gpu-a100");
    assertThrows(() => checkWord("spec", "gpu/a100"), ValidationError, "Cannot use spec 'gpu/a100'");
  });
});
