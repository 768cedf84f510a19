import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { hashOfIdentity } from "../../lib/core/json/canonical.ts";
import { hashText, isHash } from "../../lib/core/hash.ts";

describe("hashText()", () => {
  it("is the first 32 hex digits of SHA-256", () => {
    assertEquals<string>(hashText(""), "e3b0c44298fc1c149afbf4c8996fb924");
    assertEquals<string>(hashText("abc"), "ba7816bf8f01cfea414140de5dae2223");
  });
});

describe("isHash()", () => {
  it("accepts 32 hex digits in lower case only", () => {
    assertEquals(isHash("0123456789abcdef0123456789abcdef"), true);
    assertEquals(isHash("0123456789ABCDEF0123456789abcdef"), false);
    assertEquals(isHash("0123456789abcdef0123456789abcde"), false);
    assertEquals(isHash("0123456789abcdef0123456789abcdef\n"), false);
  });
});

describe("hashOfIdentity()", () => {
  it("does not depend on the order of keys or on spaces in a stored record", () => {
    const text = '{"params":{"a":1,"b":{"$bigint":"2"}},"scheme":1,"task":"t"}';
    const shuffled = '{ "task": "t", "scheme": 1, "params": { "b": { "$bigint": "2" }, "a": 1 } }';
    assertEquals(hashOfIdentity(JSON.parse(shuffled)), hashText(text));
  });
});
