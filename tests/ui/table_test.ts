import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { table } from "../../lib/ui/table.ts";

describe("table()", () => {
  it("aligns columns, wide characters too", () => {
    const rows = [["学習", "1", "x"], ["abc", "1000"], []];
    assertEquals(table(rows, { head: ["NAME", "N", "NOTE"], right: [1] }), [
      "NAME     N  NOTE",
      "学習     1  x",
      "abc   1000",
      "",
    ]);
  });

  it("shortens the widest cells until it fits", () => {
    assertEquals(table([["a/very/long/name", "ok", "a note that is long"]], { width: 24, keepEnd: [0] }), [
      "…ong/name  ok  a note t…",
    ]);
  });

  it("is nothing for no rows", () => {
    assertEquals(table([]), []);
  });
});
