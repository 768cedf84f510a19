import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { oneLine, pad, plainLines, textWidth, truncate, wrap } from "../../lib/ui/text.ts";

describe("textWidth()", () => {
  it("counts wide characters as two and colours as nothing", () => {
    const widths = { abc: 3, "学習": 4, "\x1b[31mred\x1b[39m": 3, "e\u0301": 1 };
    for (const [text, width] of Object.entries(widths)) assertEquals(textWidth(text), width, text);
  });
});

describe("truncate()", () => {
  it("cuts by columns, at either end", () => {
    assertEquals(truncate("abcdef", 6), "abcdef");
    assertEquals(truncate("abcdef", 4), "abc…");
    assertEquals(truncate("abcdef", 4, { keep: "end" }), "…def");
    assertEquals(truncate("学習中です", 6), "学習…");
    assertEquals(truncate("学習中です", 6, { keep: "end" }), "…です");
    assertEquals(truncate("abc", 1), "…");
    assertEquals(truncate("abc", 0), "");
  });
});

describe("pad()", () => {
  it("fills up to a width in columns", () => {
    assertEquals(pad("学", 4), "学  ");
    assertEquals(pad("a", 4, "right"), "   a");
    assertEquals(pad("abcde", 2), "abcde");
  });
});

describe("wrap()", () => {
  it("breaks at spaces, by columns", () => {
    assertEquals(wrap("one two three", 7), ["one two", "three"]);
    assertEquals(wrap("学習 中です", 6), ["学習", "中です"]);
  });

  it("gives a longer word a line of its own", () => {
    assertEquals(wrap("a longer-word b", 4), ["a", "longer-word", "b"]);
    assertEquals(wrap("", 4), [""]);
  });
});

describe("oneLine()", () => {
  it("leaves no indentation of lines", () => {
    assertEquals(oneLine("{\n  a: {\n    b: 1  }\n}"), "{ a: { b: 1  } }");
  });

  it("leaves nothing that moves the cursor", () => {
    assertEquals(oneLine(" a\tb\r\nc\x1b[2Jd\u2029e\x07 "), "a b cd e");
  });
});

describe("plainLines()", () => {
  it("leaves out what was written over, and colours", () => {
    assertEquals(plainLines("a\r\nb\n\n\r10%\r\x1b[32m20%\x1b[0m\r\n  c"), ["a", "b", "", "20%", "  c"]);
  });
});
