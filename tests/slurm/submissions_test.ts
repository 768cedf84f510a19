import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { StoreError } from "../../lib/core/errors.ts";
import { systemMachine } from "../../lib/core/system/system_machine.ts";
import { WorkerJournal, type WorkerSubmission } from "../../lib/slurm/jobs/submissions.ts";
import { Store } from "../../lib/store/store.ts";

const machine = systemMachine();

function submission(name: string, order = 0): WorkerSubmission {
  return {
    schema: 1,
    name,
    spec: "default",
    count: 2,
    array: true,
    order,
    term: 1,
    heir: false,
    submitter: machine.self,
    at: "2026-11-20T20:00:00.000Z",
  };
}

async function inFolder(test: (dir: string, open: () => WorkerJournal) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir();
  const store = new Store(machine, { root, leaseSec: 120, heartbeatSec: 40 });
  try {
    await test(join(root, "jobs"), () => new WorkerJournal(store, join(root, "jobs")));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

describe("WorkerJournal", () => {
  it("tells the next controller what was submitted, and what may have been", async () => {
    await inFolder(async (_, open) => {
      const first = open();
      await first.announce(submission("furu-a-1-x", 2));
      await first.announce(submission("furu-a-1-y", 0));
      await first.confirm("furu-a-1-x", { jobId: "7", cluster: "east" });
      assertEquals(await open().read(), [
        { submission: submission("furu-a-1-y", 0) },
        { submission: submission("furu-a-1-x", 2), job: { jobId: "7", cluster: "east" } },
      ]);
    });
  });

  it("learns of an id that another process found", async () => {
    await inFolder(async (_, open) => {
      const [one, other] = [open(), open()];
      await one.announce(submission("furu-a-1-x"));
      assertEquals((await other.read())[0]?.job, undefined);
      await one.confirm("furu-a-1-x", { jobId: "7" });
      assertEquals((await other.read())[0]?.job, { jobId: "7" });
    });
  });

  it("knows nothing of what was taken back, nor of other files", async () => {
    await inFolder(async (dir, open) => {
      const journal = open();
      await journal.announce(submission("furu-a-1-x"));
      await Deno.writeTextFile(join(dir, "notes.txt"), "?");
      await journal.retract("furu-a-1-x");
      assertEquals([await journal.read(), await open().read()], [[], []]);
    });
  });

  it("names a damaged file", async () => {
    await inFolder(async (dir, open) => {
      await Deno.mkdir(dir);
      await Deno.writeTextFile(join(dir, "furu-a-1-x.json"), "{");
      await assertRejects(() => open().read(), StoreError, "furu-a-1-x.json: it is damaged");
    });
  });
});
