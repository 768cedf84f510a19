import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { crc32 } from "../../../lib/core/json/crc32.ts";

describe("crc32()", () => {
  it("gives the published values", () => {
    assertEquals(crc32(""), "00000000");
    assertEquals(crc32("123456789"), "cbf43926");
    assertEquals(crc32("The quick brown fox jumps over the lazy dog"), "414fa339");
  });

  it("is that of the UTF-8 bytes, of any length", async () => {
    const { crc32: native } = await import("node:zlib");
    for (let length = 0; length < 40; length++) {
      const text = "aé漢🙂\n\0".repeat(length).slice(0, length);
      assertEquals(crc32(text), native(text).toString(16).padStart(8, "0"), JSON.stringify(text));
    }
    const large = "0123456789é".repeat(50_000);
    assertEquals(crc32(large), native(large).toString(16).padStart(8, "0"));
  });
});
