import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { defineTask, z } from "@furu/furu";
import type { RunEvent } from "../../lib/core/event.ts";
import { systemClock } from "../../lib/core/system/clock.ts";
import { ShownAttempt } from "../../lib/schedule/shown_attempt.ts";

const Shown = defineTask({
  name: "schedule/Shown",
  params: z.object({ lr: z.number(), text: z.string().default("") }),
  create: () => 1,
});

function shown(text = "") {
  const events: RunEvent[] = [];
  const attempt = new ShownAttempt(
    systemClock,
    { name: "local", onEvent: (event) => void events.push(event) },
    Shown({ lr: 0.1, text }),
    { n: 1, id: "aaaaaaaaaaaa" },
    "/log",
  );
  return { attempt, types: () => events.map(({ type }) => type), events };
}

describe("ShownAttempt", () => {
  it("tells its parameters when it begins, and that it began before that it ended", () => {
    const { attempt, types, events } = shown("x");
    attempt.end({ outcome: "success" });
    assertEquals(types(), ["attempt_started", "attempt_ended"]);
    assertEquals(events[0]?.type === "attempt_started" && events[0].params, "lr=0.1 text=x");
    const long = shown("y".repeat(5000));
    long.attempt.begin();
    assertEquals("params" in long.events[0]!, false);
  });

  it("is over when it is not made here after all, and says nothing more", () => {
    const { attempt, types } = shown();
    attempt.begin();
    attempt.drop();
    attempt.begin();
    attempt.progress(0.5, undefined);
    assertEquals(types(), ["attempt_started", "attempt_ended"]);
    const other = shown();
    other.attempt.drop();
    assertEquals(other.types(), []);
  });
});
