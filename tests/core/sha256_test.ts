import { assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { sha256 } from "../../lib/core/hash.ts";

function expected(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

Deno.test("sha256() agrees with node:crypto at every length around the ends of blocks", () => {
  for (let length = 0; length < 300; length++) {
    const text = "abcdefghij".repeat(30).slice(0, length);
    assertEquals(sha256(text), expected(text), `at length ${length}`);
  }
});

Deno.test("sha256() hashes the UTF-8 bytes, lone surrogates as the replacement character", () => {
  for (const text of ["é", "\u{1F600}", "a\ud800b", "\udc00", "日本語".repeat(50)]) {
    assertEquals(sha256(text), expected(text), JSON.stringify(text));
  }
});

Deno.test("sha256() takes a text of megabytes, and short ones after it", () => {
  for (const text of ["x".repeat(3_000_001), "x", "é".repeat(1_000_000), ""]) {
    assertEquals(sha256(text), expected(text));
  }
});

Deno.test("sha256() gives the same after thousands of digests, when it has changed to node:crypto", () => {
  for (let i = 0; i < 5000; i++) assertEquals(sha256(`text ${i} \ud800`), expected(`text ${i} \ud800`));
});
