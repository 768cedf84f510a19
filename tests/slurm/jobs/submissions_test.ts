import { assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { StoreError } from "../../../lib/core/errors.ts";
import { systemMachine } from "../../../lib/core/system/system_machine.ts";
import {
  refOf,
  type SubmissionRecord,
  submitRecorded,
  WorkerJournal,
  type WorkerSubmission,
} from "../../../lib/slurm/jobs/submissions.ts";
import { SlurmClient } from "../../../lib/slurm/client/client.ts";
import { slurmSpecSchema } from "../../../lib/slurm/client/spec.ts";
import { type Answer, FakeClock, FakeSlurm, queueRow } from "../fake_slurm.ts";
import { Store } from "../../../lib/store/store.ts";

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
      assertEquals({ here: await journal.read(), later: await open().read() }, { here: [], later: [] });
    });
  });

  it("gives a job by all that was written down of it", async () => {
    await inFolder(async (_, open) => {
      const journal = open();
      await journal.announce(submission("furu-a-1-x"));
      const [before] = await journal.read();
      assertEquals(refOf(before!), { name: "furu-a-1-x", submitter: machine.self });
      await journal.confirm("furu-a-1-x", { jobId: "7", cluster: "east", listedAs: "site-1" });
      const [entry] = await open().read();
      assertEquals(refOf(entry!, 1), {
        name: "furu-a-1-x",
        submitter: machine.self,
        jobId: "7_1",
        cluster: "east",
        listedAs: "site-1",
      });
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

describe("submitRecorded()", () => {
  const signal = new AbortController().signal;
  const LIMIT = { code: 1, stderr: "sbatch: error: QOSMaxSubmitJobPerUserLimit\n" };
  const REFUSED = { code: 1, stderr: "sbatch: error: invalid partition specified: nope\n" };
  const SILENT = { timedOut: true };

  /** Submits a job to a Slurm that answers so. @returns the steps of its record, and the arguments of sbatch. */
  async function submit(
    sbatch: Answer,
    squeue: Answer = "",
  ): Promise<{ steps: string[]; args: string[]; error?: string }> {
    const root = await Deno.makeTempDir();
    const slurm = new FakeSlurm();
    Object.assign(slurm.answers, { sbatch, squeue });
    const clock = new FakeClock();
    const client = new SlurmClient({ env: {}, clock, run: slurm.run, limitSec: 1, unclearSec: 1 });
    const store = new Store(machine, { root, leaseSec: 120, heartbeatSec: 40 });
    const steps: string[] = [];
    const record: SubmissionRecord = {
      announce: () => Promise.resolve(void steps.push("announce")),
      confirm: ({ jobId, listedAs, cluster }) =>
        Promise.resolve(void steps.push(["confirm", jobId, "on", cluster, listedAs ?? ""].join(" ").trim())),
      retract: () => Promise.resolve(void steps.push("retract")),
    };
    const job = {
      name: "furu-a",
      title: "a test",
      command: ["true"],
      folder: join(root, "logs"),
      requeue: false,
      signal,
    };
    try {
      const spec = slurmSpecSchema.parse({});
      const error = await submitRecorded({ store, machine }, client, { ...job, spec }, record).then(
        () => undefined,
        (error) => error.message,
      );
      const args = slurm.calls.find(([program]) => program === "sbatch") ?? [];
      return { steps, args, ...(error === undefined ? {} : { error }) };
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  }

  it("announces the name before sbatch, and confirms it with the id", async () => {
    const { steps, args } = await submit("11\n");
    assertEquals(steps, ["announce", "confirm 11 on fake"]);
    assertStringIncludes(args.join(" "), "--job-name=furu-a");
    assertMatch(args.at(-1) ?? "", /logs\/furu-a\.sh$/);
  });

  it("writes down what Slurm calls it, where the site rewrites its name", async () => {
    const renamed = `${queueRow({ jobId: 11, name: "site-1", state: "PENDING", comment: "furu:furu-a" })}\n`;
    const { steps } = await submit("11\n", renamed);
    assertEquals(steps, ["announce", "confirm 11 on fake", "confirm 11 on fake site-1"]);
  });

  it("takes the name back when sbatch surely did not take the job", async () => {
    for (const answer of [LIMIT, REFUSED]) {
      const { steps, error } = await submit(answer);
      assertEquals(steps, ["announce", "retract"]);
      assertStringIncludes(error ?? "", "Cannot submit furu-a");
    }
  });

  it("keeps the name of a job that may be in Slurm", async () => {
    const { steps, error } = await submit(SILENT, { code: 1, stderr: "squeue: error: no answer" });
    assertEquals(steps, ["announce"]);
    assertStringIncludes(error ?? "", "it may be in Slurm under that name");
  });
});
