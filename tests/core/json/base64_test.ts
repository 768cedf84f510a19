import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { fromBase64, fromBase64ByNode, toBase64, toBase64ByNode } from "../../../lib/core/json/base64.ts";

const bytesOf = (length: number): Uint8Array => Uint8Array.from({ length }, (_, at) => at * 37 + 251);

describe("base64", () => {
  for (const length of [0, 1, 2, 3, 70_000]) {
    it(`of ${length} bytes is the same whoever makes and reads it: V8, or node's Buffer`, () => {
      const bytes = bytesOf(length);
      const text = btoa(String.fromCharCode.apply(null, [...bytes]));
      assertEquals([toBase64(bytes), toBase64ByNode(bytes)], [text, text]);
      assertEquals([fromBase64(text), fromBase64ByNode(text)], [bytes, bytes]);
      assertEquals(fromBase64ByNode(text).constructor, Uint8Array);
      assertEquals(fromBase64ByNode(text).buffer.byteLength, length);
    });
  }

  it("of a part of a buffer is of that part", () => {
    const part = Uint8Array.of(9, 1, 2, 3, 9).subarray(1, 4);
    assertEquals([toBase64(part), toBase64ByNode(part)], ["AQID", "AQID"]);
  });

  it("refuses other text", () => {
    for (const text of ["?", "AAA=A", "A", "AA\0A"]) {
      assertThrows(() => fromBase64(text));
      assertThrows(() => fromBase64ByNode(text));
    }
  });
});
