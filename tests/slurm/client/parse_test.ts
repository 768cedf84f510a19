import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  arrayIndices,
  parseAccounting,
  parseJobs,
  parseQueue,
  parseSubmitted,
} from "../../../lib/slurm/client/parse_jobs.ts";
import { arrayRanges } from "../../../lib/slurm/client/job_options.ts";
import { parseConfig, parsePartitions } from "../../../lib/slurm/client/parse_config.ts";
import { jobState } from "../../../lib/slurm/client/job_state.ts";
import { jobLine, queueRow } from "../fake_slurm.ts";

const fixture = (name: string) => Deno.readTextFileSync(new URL(`../fixtures/${name}`, import.meta.url));
const OTHER_TEXTS = [
  "<html><body>502 Bad Gateway</body></html>\n",
  "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n",
  "squeue: error: Invalid user\n",
  "JOBID PARTITION NAME\n",
  "furu",
];

describe("parseQueue()", () => {
  const jobs = parseQueue(fixture("squeue_jobs.txt"));
  const byId = (jobId: string, index?: number) =>
    jobs.find((job) => job.jobId === jobId && job.index === index);

  it("reads every row of a real listing", () => {
    assertEquals(jobs.length, 37);
    assertEquals(byId("34"), {
      jobId: "34",
      name: "furu-cancelled",
      uid: 0,
      restarts: 0,
      state: { status: "dead", reason: "cancelled", text: "CANCELLED (Resources)" },
    });
  });

  it("reads names with spaces, bars, newlines and letters of several bytes", () => {
    assertEquals(["1", "2", "3"].map((id) => byId(id)?.name), ["a b|c", "new\nline", "ünïcödé日本"]);
  });

  it("tells the tasks of an array apart, and restarts", () => {
    assertEquals(byId("5", 0)?.state.status, "dead");
    assertEquals(byId("5", 1)?.restarts, 1);
    assertEquals(byId("5", 1)?.state, {
      status: "alive",
      pending: true,
      text: "PENDING (job requeued in held state)",
      why: "job requeued in held state",
    });
    assertEquals(byId("5"), undefined);
  });

  it("tells why jobs wait and how they ended", () => {
    const reason = (id: string, index?: number) => {
      const state = byId(id, index)?.state;
      return state?.status === "dead" ? state.reason : state?.status;
    };
    assertEquals(
      {
        reason23: reason("23"),
        reason22: reason("22", 0),
        reason27: reason("27"),
        reason9: reason("9"),
        reason29: reason("29"),
        reason24: reason("24"),
        reason25: reason("25"),
      },
      {
        reason23: "node-failure",
        reason22: "launch-failed",
        reason27: "refused",
        reason9: "failed",
        reason29: "completed",
        reason24: "alive",
        reason25: "alive",
      },
    );
    const waiting = byId("20")?.state;
    assertEquals(waiting?.status === "alive" && waiting.why, "DependencyNeverSatisfied");
  });

  it("reads an empty listing as one without jobs", () => {
    assertEquals(parseQueue(""), []);
    assertEquals(parseQueue("\n"), []);
    assertEquals(parseQueue("CLUSTER: east\n"), []);
  });

  it("knows the listing of another cluster by its heading", () => {
    const rows = `CLUSTER: east\n${queueRow({ jobId: 7, name: "furu-a", state: "RUNNING" })}\n`;
    assertEquals(parseQueue(rows)?.map((job) => job.jobId), ["7"]);
  });

  it("reads the rows only, whatever a site prints before, between and after", () => {
    const rows = [7, 8, 9].map((jobId) => queueRow({ jobId, name: `furu-${jobId}`, state: "RUNNING" }));
    const ids = (text: string) => parseQueue(text).map(({ jobId }) => jobId);
    for (const noise of OTHER_TEXTS) {
      const line = `${noise.trimEnd()}\n`;
      assertEquals(ids(line), [], noise);
      assertEquals(ids(rows.map((row) => `${line}${row}\n`).join("") + line), ["7", "8", "9"], noise);
    }
    assertEquals(ids(rows.map((row) => `${row}\r\n`).join("")), ["7", "8", "9"]);
    assertEquals(ids(rows.map((row) => `${row.trimEnd()}\n`).join("")), ["7", "8", "9"]);
    assertEquals(ids(`${rows[0]}\n${rows[1]!.slice(0, 100)}`), ["7"]);
    assertEquals(ids(`${" ".repeat(rows[0]!.length)}\n${rows[0]}`), ["7"]);
  });

  it("is not misled by a name that looks like a row", () => {
    const evil = queueRow({
      jobId: 6,
      name: `x\n${queueRow({ jobId: 7, name: "", state: "FAILED" }).slice(0, 64)}`,
      state: "RUNNING",
    });
    const row = queueRow({ jobId: 7, name: "furu-a", state: "RUNNING" });
    assertEquals(parseQueue(`${evil}\n${row}\n`).map(({ jobId, name }) => [jobId, name.slice(0, 6)]), [
      ["6", "x\n7   "],
      ["7", "furu-a"],
    ]);
  });

  it("reads users and comments", () => {
    const row = queueRow({ jobId: 7, name: "site", state: "RUNNING", uid: 1234, comment: "furu:furu-a" });
    const [job] = parseQueue(`${row}\n`);
    assertEquals({ uid: job?.uid, comment: job?.comment }, { uid: 1234, comment: "furu:furu-a" });
  });

  it("leaves out rows that nobody wants, of very many", () => {
    const rows = Array.from(
      { length: 20_000 },
      (_, i) => queueRow({ jobId: i, name: `furu-${i}`, state: "RUNNING" }),
    );
    const wanted = new Set(["5", "19999"]);
    const jobs = parseQueue(`${rows.join("\n")}\n`, (id) => wanted.has(id));
    assertEquals(jobs.map(({ name }) => name), ["furu-5", "furu-19999"]);
  });
});

describe("jobState()", () => {
  it("gives each kind of end its own reason", () => {
    const ends = {
      "COMPLETED": "completed",
      "FAILED": "failed",
      "OUT_OF_MEMORY": "out-of-memory",
      "TIMEOUT": "timeout",
      "DEADLINE": "deadline",
      "NODE_FAIL": "node-failure",
      "PREEMPTED": "preempted",
      "BOOT_FAIL": "boot-failure",
      "CANCELLED": "cancelled",
      "CANCELLED by 1000": "cancelled",
      "CANCELLED+": "cancelled",
    };
    for (const [text, reason] of Object.entries(ends)) {
      assertEquals(jobState(text), { status: "dead", reason, text } as ReturnType<typeof jobState>);
    }
  });

  it("lets the reason say more of a failure", () => {
    const reasonOf = (why: string) => {
      const state = jobState("FAILED", why);
      return state.status === "dead" && state.reason;
    };
    assertEquals(reasonOf("NonZeroExitCode"), "failed");
    assertEquals(reasonOf("JobLaunchFailure"), "launch-failed");
  });

  it("takes what is held, stopped, requeued or ending for alive", () => {
    const alive = ["REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD", "SUSPENDED", "STOPPED"];
    alive.push("COMPLETING", "CONFIGURING", "STAGE_OUT", "SIGNALING", "RESIZING", "PENDING", "RUNNING");
    for (const text of alive) assertEquals(jobState(text).status, "alive", text);
    const pending = alive.filter((text) => {
      const state = jobState(text);
      return state.status === "alive" && state.pending;
    });
    assertEquals(pending, ["REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT", "RESV_DEL_HOLD", "PENDING"]);
  });

  it("never takes a state for dead that it does not know", () => {
    for (const text of ["REVOKED", "", "SOMETHING_NEW", "<html>", "completed"]) {
      assertEquals(jobState(text).status, "unknown", text);
    }
  });
});

describe("parseSubmitted()", () => {
  it("reads an id, and the cluster", () => {
    assertEquals(parseSubmitted("12\n"), { jobId: "12" });
    assertEquals(parseSubmitted("12;east\n"), { jobId: "12", cluster: "east" });
    assertEquals(parseSubmitted("Welcome to East!\n12;east\n"), { jobId: "12", cluster: "east" });
    assertEquals(parseSubmitted("12;east\r\n-- remember to clean up --\n"), { jobId: "12", cluster: "east" });
    // Of a wrapper that drops --parsable.
    assertEquals(parseSubmitted("Hello\nSubmitted batch job 12\n"), { jobId: "12" });
    assertEquals(parseSubmitted("Submitted batch job 12 on cluster east\n"), {
      jobId: "12",
      cluster: "east",
    });
  });

  it("reads nothing else as an id", () => {
    for (const text of ["", "12 13", "12;", "-1", "<html>", "job 12"]) {
      assertEquals(parseSubmitted(text), undefined, text);
    }
  });
});

describe("parseAccounting()", () => {
  it("leaves out steps, tells tasks apart and expands what still waits", () => {
    const text = [
      "101|COMPLETED|furu-a",
      "101.batch|FAILED|batch",
      "101.extern|COMPLETED|extern",
      "102_0|CANCELLED by 1000|furu|b",
      "102_[3-5%2]|PENDING|furu|b",
      "103|OUT_OF_MEMORY|with space",
      "104+0|RUNNING|het",
      "",
    ].join("\n");
    const entries = parseAccounting(text);
    assertEquals(entries.map(({ jobId, index, name }) => [jobId, index, name]), [
      ["101", undefined, "furu-a"],
      ["102", 0, "furu|b"],
      ["102", 3, "furu|b"],
      ["102", 4, "furu|b"],
      ["102", 5, "furu|b"],
      ["103", undefined, "with space"],
    ]);
    assertEquals(entries.map(({ state }) => state.status === "dead" ? state.reason : state.status), [
      "completed",
      "cancelled",
      "alive",
      "alive",
      "alive",
      "out-of-memory",
    ]);
  });

  it("lets the last row of a requeued job count", () => {
    const entries = parseAccounting("7|NODE_FAIL|furu-a\n7|COMPLETED|furu-a\n");
    assertEquals(entries.map(({ state }) => state.text), ["COMPLETED"]);
  });

  it("reads rows only, with users where they are told", () => {
    for (const text of ["", ...OTHER_TEXTS]) assertEquals(parseAccounting(text), [], text);
    const entries = parseAccounting(`Welcome\n7|FAILED|1234|furu-a\nBye\n`);
    assertEquals(entries.map(({ name, uid }) => [name, uid]), [["furu-a", 1234]]);
  });
});

describe("parseJobs()", () => {
  const jobs = parseJobs(fixture("scontrol_show_job.txt")) ?? [];

  it("reads real jobs, whatever their names", () => {
    const names = jobs.map((job) => job.name);
    for (const name of ["a b|c", "new\nline", "ünïcödé日本", "furu-dep"]) assert(names.includes(name), name);
    assertEquals(jobs.find((job) => job.jobId === "9")?.exitCode, { code: 3, signal: 0 });
    assertEquals(jobs.find((job) => job.jobId === "20")?.dependency, "afterok:19(failed)");
    assertEquals(jobs.find((job) => job.jobId === "23")?.state.text, "NODE_FAIL (NodeDown)");
  });

  it("keeps a task's own id beside that of its array", () => {
    const [task] =
      parseJobs(fixture("scontrol_show_job.txt"))?.filter(({ jobId, index }) =>
        jobId === "22" && index === 0
      ) ?? [];
    assertEquals({ ownId: task?.ownId, jobId: task?.jobId }, { ownId: "32", jobId: "22" });
  });

  it("is not misled by fields in a job's name", () => {
    const text =
      "JobId=3 JobName=x JobState=FAILED UserId=u(5) GroupId=g(5) MCS_label=N/A JobState=RUNNING " +
      "Reason=None Dependency=(null) Restarts=2 ExitCode=0:0 NodeList=cpu[1-2] StdOut=/a b/c=d.log StdErr=/x \n";
    assertEquals(parseJobs(text)?.[0], {
      ownId: "3",
      jobId: "3",
      name: "x JobState=FAILED",
      uid: 5,
      restarts: 2,
      state: { status: "alive", pending: false, text: "RUNNING" },
      exitCode: { code: 0, signal: 0 },
      output: "/a b/c=d.log",
      nodes: "cpu[1-2]",
    });
  });

  it("takes no other text for a job", () => {
    for (const text of ["", ...OTHER_TEXTS]) assertEquals(parseJobs(text), undefined, text);
    assertEquals(parseJobs("No jobs in the system\n"), []);
    const job = jobLine({
      jobId: 7,
      name: "furu-a",
      state: "RUNNING",
      comment: "furu:a",
      command: "/x y/a.sh",
    });
    const [found] = parseJobs(OTHER_TEXTS.map((text) => `${text.trimEnd()}\n${job}`).join("")) ?? [];
    assertEquals([found?.name, found?.comment, found?.command], ["furu-a", "furu:a", "/x y/a.sh"]);
  });

  it("reads only the jobs that mention a name, and tells none of them from no answer", () => {
    const text = ["a", "b"].map((name, i) =>
      jobLine({ jobId: i, name, state: "RUNNING", command: `/r/${name}1.sh` })
    )
      .join("");
    assertEquals(parseJobs(text, ["b1"])?.map(({ name }) => name), ["b"]);
    assertEquals(parseJobs(text, ["c"]), []);
    assertEquals(parseJobs("<html>", ["c"]), undefined);
  });

  it("tells which tasks of an array are shown together", () => {
    const [rest] = parseJobs(jobLine({ jobId: 7, name: "a", state: "PENDING", index: "3-5%2" })) ?? [];
    assertEquals({ index: rest?.index, rest: rest?.rest }, { index: undefined, rest: [3, 4, 5] });
  });
});

describe("parseConfig()", () => {
  it("reads the real one", () => {
    assertEquals(parseConfig(fixture("scontrol_show_config.txt")), {
      maxArraySize: 1001,
      accounting: false,
      minJobAgeSec: 300,
      killWaitSec: 5,
      version: "22.05.8",
      clusterName: "furu",
    });
  });

  it("sees accounting where there is some, and none in the words of newer versions", () => {
    assertEquals(
      parseConfig("AccountingStorageType = accounting_storage/slurmdbd\nMaxArraySize = 4000001\n"),
      {
        maxArraySize: 4_000_001,
        accounting: true,
        minJobAgeSec: 300,
        killWaitSec: 30,
      },
    );
    assertEquals(parseConfig("AccountingStorageType = (null)\n")?.accounting, false);
  });

  it("takes no other text for one", () => {
    for (const text of ["", ...OTHER_TEXTS]) assertEquals(parseConfig(text), undefined, text);
  });
});

describe("parsePartitions()", () => {
  it("reads the real ones", () => {
    assertEquals(parsePartitions("cpu*|1-00:00:00|2|4|4000|(null)\ngpu|4:00:00|1|4|4000|gpu:2\n"), [
      { name: "cpu", isDefault: true, maxMinutes: 1440, nodes: 2, cpus: 4, memoryMb: 4000, gpus: 0 },
      { name: "gpu", isDefault: false, maxMinutes: 240, nodes: 1, cpus: 4, memoryMb: 4000, gpus: 2 },
    ]);
  });

  it("takes the largest of several kinds of nodes", () => {
    const text =
      "mixed|infinite|4|64+|256000+|gpu:a100:4(S:0-1),gpu:v100:2\nmixed|infinite|1|128|100|(null)\n";
    assertEquals(parsePartitions(text), [
      { name: "mixed", isDefault: false, nodes: 5, cpus: 128, memoryMb: 256_000, gpus: 6 },
    ]);
  });

  it("counts GPUs of all types, also of those that begin with digits or are parts of one", () => {
    const gpus = (gres: string) => parsePartitions(`p|infinite|1|4|4000|${gres}\n`)?.[0]?.gpus;
    const counts = {
      "gpu": 1,
      "gpu:2": 2,
      "gpu:2080ti:8": 8,
      "gpu:1g.5gb:7": 7,
      "gpu:1g.5gb:7(S:0-1),gpu:3g.20gb:2(S:0,1)": 9,
      "gpu:a100:4(IDX:0-3),gpu:v100:2": 6,
      "gpu:nvidia_a100_1g.5gb:14,shard:28,craynetwork:4": 14,
      "shard:8": 0,
      "mygpu:3": 0,
      "(null)": 0,
    };
    for (const [gres, count] of Object.entries(counts)) assertEquals(gpus(gres), count, gres);
  });

  it("leaves out what a site prints around the rows", () => {
    const rows = "cpu*|1-00:00:00|2|4|4000|(null)\n";
    const noisy = `*** maintenance on monday | see the site ***\n\n${rows}sinfo: warning: slow\n`;
    assertEquals(parsePartitions(noisy), parsePartitions(rows));
  });

  it("takes no other text for a list", () => {
    for (const text of ["", ...OTHER_TEXTS]) assertEquals(parsePartitions(text), undefined, text);
  });
});

describe("arrays", () => {
  it("are split so that no index reaches MaxArraySize", () => {
    assertEquals(arrayRanges(1, 1001), ["0-0"]);
    assertEquals(arrayRanges(1001, 1001), ["0-1000"]);
    assertEquals(arrayRanges(1202, 1001), ["0-1000", "0-200"]);
    assertEquals(arrayRanges(0, 1001), []);
    assertEquals(arrayRanges(3, 0), []);
  });

  it("have indices in a short form", () => {
    assertEquals(arrayIndices("0-3,7,9-13:2%2"), [0, 1, 2, 3, 7, 9, 11, 13]);
    for (const text of ["", "0-3,...", "3-1", "a", "1-99999999", "0-9:0"]) {
      assertEquals(arrayIndices(text), undefined, text);
    }
  });
});
