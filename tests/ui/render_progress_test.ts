import type { RunEvent } from "../../lib/core/event.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { getColorEnabled, setColorEnabled, stripAnsiCode } from "@std/fmt/colors";
import { describe, it } from "@std/testing/bdd";
import { percentDone, rateText, renderProgress } from "../../lib/ui/render_progress.ts";
import { textWidth } from "../../lib/ui/text.ts";
import {
  attemptStarted,
  done,
  hashOf,
  nodeFailed,
  progressed,
  START,
  started,
  stateAfter,
} from "./events.ts";

const screen = { width: 80, height: 24, now: START + 12_000, color: false };

describe("renderProgress()", () => {
  it("is a bar, the counts and one line for each running task", () => {
    const state = stateAfter(
      started(10, 2),
      done("d", START + 1000),
      done("e", START + 2000),
      attemptStarted("a", START),
      attemptStarted("b", START + 9000, 2),
      progressed("a", 0.456, "epoch 3"),
      nodeFailed("c"),
    );
    assertEquals(
      renderProgress(state, screen),
      [
        "████████████████▓▓▓▓░░░░░░░░░░░░░░░░░░░░ 4/10 · 40% · 17/min · about 16 s left",
        "4 done (2 cached), 2 running, 3 waiting, 1 failed, 12 s",
        "  toy/Train(a0000000)    12 s  45% · epoch 3",
        "  toy/Train(b0000000)   3.0 s  attempt 2",
      ],
    );
  });

  it("shows the running tasks that fit and counts the others", () => {
    const tasks = Array.from({ length: 30 }, (_, i) => attemptStarted(`${i}a`, START));
    const lines = renderProgress(stateAfter(started(100), ...tasks), { ...screen, height: 9 });
    assertEquals(lines.length, 7);
    assertEquals(lines.at(-1), "  … and 26 more");
  });

  it("never fills the last column, however narrow the terminal or wide the characters", () => {
    const state = stateAfter(
      started(1000, 2),
      attemptStarted("a", START, 1, `${"very/".repeat(30)}Long`),
      progressed("a", 0.5, "学習中 ".repeat(30)),
    );
    for (const width of [1, 2, 5, 20, 33, 80, 200]) {
      for (const line of renderProgress(state, { ...screen, width })) {
        assert(textWidth(line) <= Math.max(1, width - 1), `${width}: ${line}`);
      }
    }
  });

  it("keeps the end of a long name, where the hash is", () => {
    const name = `${"very/".repeat(30)}Long`;
    const lines = renderProgress(stateAfter(started(1), attemptStarted("abc", START, 1, name)), screen);
    assertStringIncludes(lines[2] ?? "", "Long(abc00000)");
  });

  it("lets no message of a task move the cursor or begin a line", () => {
    const message = "one\ntwo\x1b[2J\rthree\u2028x";
    const lines = renderProgress(
      stateAfter(started(1), attemptStarted("a", START), progressed("a", 0.5, message)),
      screen,
    );
    assertEquals(lines.length, 3);
    assertStringIncludes(lines[2] ?? "", "50% · one two three x");
  });

  it("shows nodes that others compute", () => {
    const hash = hashOf("a");
    const watched = {
      type: "node_watched",
      hash,
      name: "toy/Train",
      owner: "pid 7 on h1",
      at: START,
    } as const;
    const lines = renderProgress(stateAfter(started(3), watched), screen);
    assertEquals(lines[1], "0 done, 0 running, 1 running elsewhere, 2 waiting, 0 failed, 12 s");
    assertEquals(lines[2], "  toy/Train(a0000000)    12 s  computed by pid 7 on h1");
  });

  it("says for which limits how many wait", () => {
    const limits: RunEvent = {
      type: "limits",
      limits: [
        { name: "api", units: 8, used: 2, waiting: 0 },
        { name: "license", units: 3, used: 3, waiting: 24 },
        { name: "gpu-hours", units: 1, used: 1, waiting: 1 },
      ],
      at: START,
    };
    const lines = renderProgress(stateAfter(started(30), limits), screen);
    assertEquals(lines[1], "0 done, 0 running, 30 waiting (24 for license, 1 for gpu-hours), 0 failed, 12 s");
  });

  it("has the same text with colours as without", () => {
    const enabled = getColorEnabled();
    setColorEnabled(true);
    try {
      const state = stateAfter(
        started(10, 2),
        attemptStarted("a", START),
        nodeFailed("c"),
        done("x", START + 2000),
      );
      const colored = renderProgress(state, { ...screen, color: true });
      assert(colored.some((line) => line.includes("\x1b[")));
      assertEquals(colored.map(stripAnsiCode), renderProgress(state, screen));
    } finally {
      setColorEnabled(enabled);
    }
  });
});

describe("percentDone()", () => {
  it("is 100 only when all is done", () => {
    assertEquals(percentDone(stateAfter(started(1000, 999))), 99);
    assertEquals(percentDone(stateAfter(started(1000, 1000))), 100);
    assertEquals(percentDone(stateAfter(started(0))), 100);
  });
});

describe("rateText()", () => {
  it("takes the unit that says most", () => {
    assertEquals([120, 2.5, 0.5, 0.001].map(rateText), ["120/s", "2.5/s", "30/min", "3.6/h"]);
  });
});
