import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { resolveConfig } from "../../lib/core/config.ts";
import { ExecutionError } from "../../lib/core/errors.ts";
import type { RunEvent } from "../../lib/core/event.ts";
import { writeEnded } from "../../lib/pool/ended.ts";
import { followPool } from "../../lib/pool/follow_pool.ts";
import { makeQueue } from "../../lib/queue/queue.ts";
import { type QueuePaths, queuePaths } from "../../lib/queue/layout.ts";
import { systemRuntime } from "../../lib/run/default_runtime.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import { summaryOf } from "../ui/events.ts";
import { testRuntime, until } from "../rig.ts";

const RUN_ID = "slurm-1";

async function scene(
  test: (runtime: Runtime, paths: QueuePaths, tell: (term: number, text: string) => void) => Promise<void>,
): Promise<void> {
  const root = await Deno.makeTempDir();
  const runtime = systemRuntime(resolveConfig({ root, leaseSec: 0.1, pollIntervalSec: 0.02 }));
  const paths = queuePaths(root, RUN_ID);
  try {
    await makeQueue(runtime.store, paths, ["default"]);
    await test(runtime, paths, (term, text) => {
      Deno.writeTextFileSync(join(paths.events, `${term}.jsonl`), text, { append: true });
    });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

const message = (text: string): string => JSON.stringify({ type: "message", level: "info", text, at: 1 });
const ended = JSON.stringify({ type: "run_ended", summary: summaryOf(), interrupted: true, at: 1 });

function told(events: readonly RunEvent[]): string[] {
  return events.map((event) => event.type === "message" ? event.text : event.type);
}

describe("followPool()", () => {
  it("tells what each controller told, in order and once, until the run has ended", async () => {
    await scene(async (runtime, paths, tell) => {
      const events: RunEvent[] = [];
      tell(2, `${message("a")}\n${message("half")}`);
      const following = followPool(runtime, paths, {
        onEvent: (event) => events.push(event),
        signal: new AbortController().signal,
        isAbandoned: () => Promise.resolve(false),
      });
      await until(() => events.length === 1, "the first message is told");
      tell(2, `\n${ended}\n`);
      tell(3, `${message("b")}\n`);
      await until(() => events.length === 3, "the next controller is heard");
      const summary = summaryOf();
      await writeEnded(runtime.store, paths, {
        schema: 1,
        runId: RUN_ID,
        term: 3,
        endedAt: "2026-11-20T20:00:00.000Z",
        summary,
        interrupted: false,
      });
      assertEquals((await following).summary, summary);
      assertEquals(told(events), ["a", "half", "b", "run_ended"]);
    });
  });

  it("reads only what is new", async () => {
    await scene(async (real, paths, tell) => {
      let read = 0;
      const { files } = real.machine;
      const runtime = testRuntime(real.store.root, {
        config: { leaseSec: 60, pollIntervalSec: 0.02 },
        files: {
          readBytes: async (path, from) => {
            const bytes = await files.readBytes(path, from);
            read += bytes.length;
            return bytes;
          },
        },
      });
      const events: RunEvent[] = [];
      const controller = new AbortController();
      const following = followPool(runtime, paths, {
        onEvent: (event) => events.push(event),
        signal: controller.signal,
        isAbandoned: () => Promise.resolve(false),
      });
      const lines = Array.from({ length: 20 }, (_, i) => `${message(`Größe ${i}`)}\n`);
      for (const [i, line] of lines.entries()) {
        tell(1, line);
        await until(() => events.length === i + 1, `line ${i} is told`);
      }
      controller.abort(new Error("enough"));
      await assertRejects(() => following, Error, "enough");
      assertEquals(told(events), lines.map((_, i) => `Größe ${i}`));
      assertEquals(read, new TextEncoder().encode(lines.join("")).length);
    });
  });

  it("does not wait for a run that nobody is left to end", async () => {
    await scene(async (runtime, paths) => {
      await assertRejects(
        () =>
          followPool(runtime, paths, {
            onEvent: () => {},
            signal: new AbortController().signal,
            isAbandoned: () => Promise.resolve(true),
          }),
        ExecutionError,
        "nobody is left to end it",
      );
    });
  });
});
