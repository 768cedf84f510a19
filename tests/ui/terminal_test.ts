import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { terminalBlock } from "../../lib/ui/terminal.ts";
import { FakeTerminal } from "./fake_terminal.ts";

describe("terminalBlock()", () => {
  it("redraws in place, also with more or fewer lines", () => {
    const screen = new FakeTerminal(40);
    const block = terminalBlock(screen);
    screen.write("before\n");
    block.draw(["one", "two"]);
    assertEquals(screen.lines(), ["before", "one", "two"]);
    block.draw(["1", "2", "3"]);
    assertEquals(screen.lines(), ["before", "1", "2", "3"]);
    block.draw(["only"]);
    assertEquals(screen.lines(), ["before", "only"]);
  });

  it("puts other output above the block, and leaves nothing of itself behind", () => {
    const screen = new FakeTerminal(40);
    const block = terminalBlock(screen);
    block.draw(["bar", "counts"]);
    block.print("failed toy/Train");
    assertEquals(screen.lines(), ["failed toy/Train", "bar", "counts"]);
    block.clear();
    block.clear();
    block.print("the end");
    assertEquals(screen.lines(), ["failed toy/Train", "the end"]);
  });

  it("writes nothing when nothing changed", () => {
    const screen = new FakeTerminal(40);
    const block = terminalBlock(screen);
    block.draw(["same"]);
    const { writes } = screen;
    block.draw(["same"]);
    assertEquals(screen.writes, writes);
  });

  it("takes away what a narrower terminal has wrapped", () => {
    const screen = new FakeTerminal(40);
    const block = terminalBlock(screen);
    screen.write("before\n");
    block.draw(["x".repeat(35), "short"]);
    screen.resize(20);
    assertEquals(screen.lines(), ["before", "x".repeat(20), "x".repeat(15), "short"]);
    block.draw(["y".repeat(19), "short"]);
    assertEquals(screen.lines(), ["before", "y".repeat(19), "short"]);
  });
});
