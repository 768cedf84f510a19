import { assertEquals } from "@std/assert";
import { oneLine, pad, plainLines, textWidth, truncate } from "../../lib/ui/text.ts";

Deno.test("textWidth() counts wide characters as two and colours as nothing", () => {
  assertEquals(
    [textWidth("abc"), textWidth("学習"), textWidth("\x1b[31mred\x1b[39m"), textWidth("e\u0301")],
    [3, 4, 3, 1],
  );
});

Deno.test("truncate() cuts by columns, at either end", () => {
  assertEquals(truncate("abcdef", 6), "abcdef");
  assertEquals(truncate("abcdef", 4), "abc…");
  assertEquals(truncate("abcdef", 4, { keep: "end" }), "…def");
  assertEquals(truncate("学習中です", 6), "学習…");
  assertEquals(truncate("学習中です", 6, { keep: "end" }), "…です");
  assertEquals([truncate("abc", 1), truncate("abc", 0)], ["…", ""]);
});

Deno.test("pad() fills up to a width in columns", () => {
  assertEquals([pad("学", 4), pad("a", 4, "right"), pad("abcde", 2)], ["学  ", "   a", "abcde"]);
});

Deno.test("oneLine() leaves no indentation of lines", () => {
  assertEquals(oneLine("{\n  a: {\n    b: 1  }\n}"), "{ a: { b: 1  } }");
});

Deno.test("oneLine() leaves nothing that moves the cursor", () => {
  assertEquals(oneLine(" a\tb\r\nc\x1b[2Jd\u2029e\x07 "), "a b cd e");
});

Deno.test("plainLines() leaves out what was written over, and colours", () => {
  assertEquals(plainLines("a\r\nb\n\n\r10%\r\x1b[32m20%\x1b[0m\r\n  c"), ["a", "b", "", "20%", "  c"]);
});
