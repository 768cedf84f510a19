import { assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { join } from "@std/path/join";
import { EventsFile } from "../../lib/pool/events_file.ts";
import { queuePaths } from "../../lib/queue/layout.ts";
import { makeQueue } from "../../lib/queue/queue.ts";
import { osError, Rig, testRuntime, textOf } from "../rig.ts";

const message = (text: string) => ({ type: "message", level: "info", text, at: 1 }) as const;

describe("EventsFile", () => {
  it("keeps the order of what it is told, one JSON object in a line, for each term by itself", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const paths = queuePaths(rig.root, "run");
    await makeQueue(runtime.store, paths, []);
    const [first, second] = [new EventsFile(runtime, paths, 1), new EventsFile(runtime, paths, 2)];
    first.sink(message("a"));
    second.sink(message("b"));
    await first.flush();
    first.sink(message("c"));
    await Promise.all([first.flush(), second.flush()]);
    await second.flush();
    const texts = (term: number): string[] =>
      textOf(join(paths.events, `${term}.jsonl`)).trim().split("\n").map((line) => JSON.parse(line).text);
    assertEquals([texts(1), texts(2)], [["a", "c"], ["b"]]);
  });

  it("says once that it cannot be written, and disturbs nothing", async () => {
    await using rig = new Rig();
    const lines: string[] = [];
    const files = { write: () => Promise.reject(osError("ENOSPC")) };
    const file = new EventsFile(testRuntime(rig.root, { files, lines }), queuePaths(rig.root, "run"), 1);
    for (const text of ["a", "b"]) {
      file.sink(message(text));
      await file.flush();
    }
    assertEquals(lines.length, 1);
    assertMatch(lines[0]!, /1\.jsonl cannot be written/);
  });
});
