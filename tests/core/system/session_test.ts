import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  currentSession,
  DISPLAY,
  hasFile,
  sessionOf,
  withDisplay,
} from "../../../lib/core/system/session.ts";

describe("sessionOf()", () => {
  it("knows notebooks and the REPL by the name that Deno gives to their code", () => {
    assertEquals(sessionOf("file:///home/me/$deno$jupyter_repl.mts"), "notebook");
    assertEquals(sessionOf("file:///home/me/$deno$repl.mts"), "repl");
  });

  it("takes nothing else for one", () => {
    for (
      const name of ["main.ts", "$deno$eval.mts", "$deno$stdin.mts", "repl.ts", "x/$deno$repl.mts/main.ts"]
    ) {
      assertEquals(sessionOf(`file:///home/me/${name}`), undefined, name);
    }
    assertEquals(currentSession(), undefined);
  });
});

describe("hasFile()", () => {
  it("is false for code that no other process can import", () => {
    assertEquals(hasFile(undefined), false);
    for (const name of ["jupyter_repl", "repl", "eval", "stdin"]) {
      assertEquals(hasFile(`file:///home/me/$deno$${name}.mts`), false, name);
    }
    assertEquals(hasFile("file:///home/me/repl.ts"), true);
    assertEquals(hasFile("https://example.org/tasks.ts?2"), true);
  });
});

describe("withDisplay()", () => {
  it("leaves results as they are outside of notebooks", () => {
    const rows: object[] = [];
    assertEquals(withDisplay("table", rows), rows);
    assertEquals(DISPLAY in rows, false);
  });
});
