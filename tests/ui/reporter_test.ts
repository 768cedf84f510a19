import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { RunEvent } from "../../lib/core/event.ts";
import {
  createReporter,
  type GuardedBlock,
  type Reporter,
  type ReporterMode,
} from "../../lib/ui/reporter.ts";
import {
  attemptFailed,
  attemptStarted,
  done,
  ended,
  failureOf,
  nodeFailed,
  retried,
  START,
  started,
} from "./events.ts";
import { FakeTerminal } from "./fake_terminal.ts";

/** A reporter with a clock and timers of its own. */
class Rig {
  now = START;
  text = "";
  timers = 0;
  readonly terminal = new FakeTerminal(80);
  readonly reporter: Reporter;
  /** The block that is looked after. */
  guarded: GuardedBlock | undefined;
  /** Has the terminal another block? */
  isTaken = false;
  #tick: () => void = () => {};

  constructor(mode: ReporterMode, isTerminal = false) {
    this.reporter = createReporter({
      mode,
      isTerminal,
      color: false,
      write: (text) => {
        this.text += text;
        this.terminal.write(text);
      },
      width: this.terminal.width,
      height: () => 24,
      now: () => this.now,
      guard: (block) => {
        if (this.isTaken) return undefined;
        this.guarded = block;
        return { drawn() {}, release: () => this.guarded = undefined };
      },
      every: (_ms, call) => {
        this.timers++;
        this.#tick = call;
        return () => {
          this.timers--;
          this.#tick = () => {};
        };
      },
    });
  }

  send(...events: RunEvent[]): void {
    for (const event of events) this.reporter.sink(event);
  }

  pass(ms: number, step = 100): void {
    for (let passed = 0; passed < ms; passed += step) {
      this.now += step;
      this.#tick();
    }
  }

  /** Somebody else writes to the terminal. */
  write(text: string): void {
    this.guarded?.hide();
    this.terminal.write(text);
    this.guarded?.written(text === "" ? undefined : text.endsWith("\n"));
  }

  lines(): string[] {
    return this.text.split("\n").slice(0, -1);
  }
}

describe("createReporter()", () => {
  it("on a terminal shows a block and ends with the summary alone", () => {
    const rig = new Rig("auto", true);
    rig.send(started(3, 1), attemptStarted("a", START));
    assertEquals(rig.text, "");
    rig.pass(2000);
    assertEquals(rig.terminal.lines()[1], "1 done (1 cached), 1 running, 1 waiting, 0 failed, 2.0 s");
    assertEquals(rig.terminal.lines()[2], "  toy/Train(a0000000)   2.0 s");
    rig.send(done("a", rig.now), ended({ computed: 2, cached: 1, durationMs: 2000 }));
    assertEquals(rig.terminal.lines(), ["2 computed, 1 cached in 2.0 s"]);
    assertEquals(rig.timers, 0);
  });

  it("on a terminal writes at most about ten times a second, whatever happens", () => {
    const rig = new Rig("auto", true);
    rig.send(started(100_000));
    for (let i = 0; i < 10_000; i++) {
      rig.now += i % 10 === 0 ? 1 : 0;
      rig.send(attemptStarted(`${i}`, rig.now), done(`${i}`, rig.now));
    }
    assertEquals(rig.now - START, 1000);
    assert(rig.terminal.writes <= 10, `${rig.terminal.writes} writes`);
    assert(rig.terminal.writes >= 5, `${rig.terminal.writes} writes`);
  });

  it("on a terminal prints failures above the block, and they stay", () => {
    const rig = new Rig("auto", true);
    rig.send(started(3), attemptStarted("a", START));
    rig.pass(200);
    rig.send(attemptFailed("a"), retried("a", "first line\nsecond"));
    rig.send(attemptFailed("b"), nodeFailed("b", { log: "/store/1-x.log" }));
    const above = rig.terminal.lines().slice(0, 2);
    assertEquals(above, [
      "retry  toy/Train(a0000000) failed, will try again, at most 3 times: first line",
      "failed toy/Train(b0000000) after 4 attempts: Error: boom (log: /store/1-x.log)",
    ]);
    rig.reporter.close();
    assertEquals(rig.terminal.lines(), above);
  });

  it("without a terminal writes plain lines at most every five seconds", () => {
    const rig = new Rig("auto");
    rig.send(started(100, 10));
    for (let i = 0; i < 20; i++) {
      rig.pass(1000);
      rig.send(done(`${i}`, rig.now));
    }
    rig.send(ended());
    const lines = rig.lines();
    assertEquals(lines[0], "run r1: 100 artifacts, 10 stored already");
    assertEquals(lines.at(-1), "12 computed, 30 cached in 4.2 s");
    assert(lines.length >= 5 && lines.length <= 7, rig.text);
    assertStringIncludes(
      lines[1] ?? "",
      "14%: 14 done (10 cached), 0 running, 86 waiting, 0 failed; 5.0 s, about",
    );
    assert(!rig.text.includes("\x1b"), "no control sequences");
  });

  it("without a terminal says once a minute that a run without news goes on", () => {
    const rig = new Rig("plain", true);
    rig.send(started(2), attemptStarted("a", START));
    rig.pass(5000);
    const before = rig.lines().length;
    rig.pass(119_000);
    assertEquals(rig.lines().length - before, 1);
  });

  it("in plain mode tells of failures and messages at once", () => {
    const rig = new Rig("plain");
    rig.send(started(2), nodeFailed("a"), {
      type: "message",
      level: "warn",
      text: "disk is slow",
      at: START,
    });
    assertEquals(rig.lines().slice(1), [
      "failed toy/Train(a0000000) after 4 attempts: Error: boom",
      "warning: disk is slow",
    ]);
  });

  it("in quiet mode tells only of what failed", () => {
    const rig = new Rig("quiet", true);
    rig.send(
      started(3),
      attemptStarted("a", START),
      attemptFailed("a"),
      retried("a", "boom"),
      { type: "message", level: "warn", text: "not told", at: START },
      { type: "message", level: "error", text: "told", at: START },
      done("a", START),
      nodeFailed("b"),
      ended({ failures: [failureOf("b")] }),
    );
    assertEquals(rig.lines(), ["error: told", "failed toy/Train(b0000000) after 4 attempts: Error: boom"]);
  });

  it("in json mode writes each event as one line", () => {
    const rig = new Rig("json", true);
    const events = [started(1), attemptStarted("a", START), done("a", START), ended()];
    rig.send(...events);
    assertEquals(rig.lines().map((line) => JSON.parse(line)), events);
  });

  it("says how to go on after an interruption", () => {
    const rig = new Rig("quiet");
    rig.send(started(5), ended({ computed: 1, cached: 0, notRun: 4 }, true));
    assertEquals(rig.lines(), ["interrupted: 1 computed, 0 cached, 4 not run in 4.2 s; run again to go on"]);
  });

  it("stops reporting, and throws nothing, when nobody reads any more", () => {
    let calls = 0;
    let timers = 0;
    const reporter = createReporter({
      mode: "plain",
      isTerminal: false,
      color: false,
      write: () => {
        calls++;
        throw new Deno.errors.BrokenPipe("gone");
      },
      now: () => START,
      every: () => (timers++, () => timers--),
    });
    reporter.sink(started(1));
    reporter.sink(done("a", START));
    reporter.sink(ended());
    reporter.close();
    assertEquals(calls, 1);
    assertEquals(timers, 0);
  });

  it("keeps what others print above the block, and brings it back", () => {
    const rig = new Rig("auto", true);
    rig.write("before\n");
    rig.send(started(3, 0), attemptStarted("a", START));
    rig.pass(500);
    const block = rig.terminal.lines().slice(1);
    assertEquals(block.length > 1, true);
    rig.write("one\n");
    rig.now += 10;
    rig.write("two\n");
    rig.pass(200);
    assertEquals(rig.terminal.lines().slice(0, 3), ["before", "one", "two"]);
    assertEquals(rig.terminal.lines().length, 3 + block.length, "the block is there, once");
    rig.send(done("a", rig.now), ended());
    const last = rig.terminal.lines();
    assertEquals(last.slice(0, 3), ["before", "one", "two"]);
    assertEquals(last.filter((line) => /░|█/.test(line)), []);
    assertEquals({ guarded: rig.guarded, timers: rig.timers }, { guarded: undefined, timers: 0 });
  });

  it("waits for the end of somebody's line, but not for ever", () => {
    const rig = new Rig("auto", true);
    rig.send(started(3, 0), attemptStarted("a", START));
    rig.pass(500);
    rig.write("name? ");
    rig.pass(500);
    assertEquals(rig.terminal.lines(), ["name? "]);
    rig.write("me\n");
    rig.pass(200);
    assertEquals(rig.terminal.lines()[0], "name? me");
    rig.write("dots ...");
    rig.pass(2000);
    assertEquals(rig.terminal.lines().slice(0, 2), ["name? me", "dots ..."]);
    assert(rig.terminal.lines().length > 3, "the block is back");
    rig.write("half");
    rig.send(nodeFailed("b"));
    assertEquals(rig.terminal.lines()[2], "half");
    assertStringIncludes(rig.terminal.lines()[3]!, "failed");
  });

  it("writes plain lines where the terminal has the block of another run", () => {
    const rig = new Rig("auto", true);
    rig.isTaken = true;
    rig.send(started(3, 0), attemptStarted("a", START));
    rig.pass(6000);
    rig.send(done("a", rig.now), ended());
    assertEquals(rig.text.includes("\x1b"), false, rig.text);
    assertStringIncludes(rig.text, "0%: 0 done, 1 running");
  });
});
