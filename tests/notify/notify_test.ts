import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { emptySummary, type Failure, type RunSummary } from "../../lib/core/event.ts";
import type { Hash } from "../../lib/core/hash.ts";
import {
  maskedSetting,
  maskedWords,
  type NotifyTarget,
  parseTarget,
} from "../../lib/core/settings/notify_setting.ts";
import { type NoticeEvent, noticeOf } from "../../lib/notify/notice.ts";
import { readNotified, writeNotified } from "../../lib/notify/notified.ts";
import { Notifier, notifierOf } from "../../lib/notify/notifier.ts";
import { sendNotice } from "../../lib/notify/send_notice.ts";
import { artifact, PoolRig } from "../pool/rig.ts";
import { exists, Rig, testRuntime, textOf } from "../rig.ts";

const HASH = "0123456789abcdef0123456789abcdef" as Hash;
const FAILURE: Failure = {
  name: "toy/Train",
  hash: HASH,
  params: "{ lr: 1 }",
  kind: "compute",
  attempts: 4,
  error: "it diverged\nat step 3",
  log: "/store/log",
  logTail: ["secret of a log"],
};
const HEAD = {
  runId: "run-1",
  mode: "local",
  entry: "file:///p.ts",
  roots: [{ name: "toy/Train", hash: HASH }],
} as const;
const WHOLE = { ...HEAD, store: "/store", host: "vm", command: ["furu", "run"] };
const SUMMARY: RunSummary = {
  ...emptySummary({ runId: "run-1", nodes: 5, cached: 1 }),
  computed: 3,
  durationMs: 61_000.4,
};

const EVENTS: [string, NoticeEvent, string, string][] = [
  [
    "an end",
    { type: "end", summary: SUMMARY, interrupted: false },
    "succeeded",
    "furu run run-1 succeeded in 1m 1s: 3 computed, 1 stored before",
  ],
  [
    "an end with failures",
    { type: "end", summary: { ...SUMMARY, failures: [FAILURE], notRun: 2 }, interrupted: false },
    "failed",
    "furu run run-1 failed in 1m 1s: 3 computed, 1 stored before, 1 failed, 2 not run; " +
    "toy/Train(01234567): it diverged at step 3",
  ],
  [
    "an end by Ctrl-C",
    { type: "end", summary: { ...SUMMARY, notRun: 1 }, interrupted: true },
    "cancelled",
    "furu run run-1 cancelled in 1m 1s: 3 computed, 1 stored before, 1 not run",
  ],
  [
    "what broke it",
    { type: "broken", summary: SUMMARY, error: "StoreError: the disk is full" },
    "failed",
    "furu run run-1 failed in 1m 1s: 3 computed, 1 stored before; StoreError: the disk is full",
  ],
  [
    "the first failure",
    { type: "failure", failure: FAILURE, summary: SUMMARY },
    "running",
    "furu run run-1: toy/Train(01234567): it diverged at step 3",
  ],
];

describe("noticeOf()", () => {
  for (const [name, event, status, text] of EVENTS) {
    it(`tells ${name} on one line, and in fields`, () => {
      const notice = noticeOf(WHOLE, event, Date.UTC(2026, 0, 2));
      assertEquals([notice.event, notice.status, notice.text], [
        event.type === "failure" ? "failure" : "end",
        status,
        text,
      ]);
      assertEquals([notice.at, notice.durationMs], ["2026-01-02T00:00:00.000Z", 61_000]);
      const failed = notice.failures.map(({ artifact, error, log }) => [artifact, error, log]);
      if (text.includes("diverged")) {
        assertEquals(failed, [["toy/Train(01234567)", FAILURE.error, FAILURE.log]]);
      } else assertEquals(failed, []);
      assertEquals(notice.counts.failed, failed.length);
      assertEquals(notice.error, event.type === "broken" ? event.error : undefined);
    });
  }

  it("is bounded, however many roots and failures there are", () => {
    const failures = Array.from({ length: 5000 }, () => ({ ...FAILURE, error: "x".repeat(20_000) }));
    const roots = Array.from({ length: 5000 }, () => HEAD.roots[0]);
    const event = { type: "end", summary: { ...SUMMARY, failures }, interrupted: false } as const;
    const notice = noticeOf({ ...WHOLE, roots }, event, 0);
    assertEquals([notice.counts.failed, notice.failures.length, notice.roots.length], [5000, 10, 20]);
    assert(JSON.stringify(notice).length < 30_000);
  });
});

describe("who is told", () => {
  const both = ["end", "failure"] as const;
  const targets: [NotifyTarget | false | undefined, ReturnType<typeof parseTarget>][] = [
    [undefined, undefined],
    [false, undefined],
    ["https://x.org/a", { url: "https://x.org/a", on: both }],
    ["mail -s done me", { argv: ["sh", "-c", "mail -s done me"], on: both }],
    [["mail", "me"], { argv: ["mail", "me"], on: both }],
    [{ command: "mail me", on: ["failure"] }, { argv: ["sh", "-c", "mail me"], on: ["failure"] }],
    [{ url: "HTTP://x.org", on: ["end"] }, { url: "HTTP://x.org", on: ["end"] }],
  ];
  for (const [setting, parsed] of targets) {
    it(`${JSON.stringify(setting)} is understood`, () => assertEquals(parseTarget(setting), parsed));
  }

  it("is shown without the secrets of a URL", () => {
    const url = "https://ann:pw@hooks.example.com/T0/secret?token=1";
    assertEquals(maskedSetting(url), "https://hooks.example.com/...");
    assertEquals(maskedSetting({ url, on: ["end"] }), { url: "https://hooks.example.com/...", on: ["end"] });
    assertEquals(maskedWords(["run", "--notify", url, `--notify=${url}`, url, "--notify", "mail me"]), [
      "run",
      "--notify",
      "https://hooks.example.com/...",
      "--notify=https://hooks.example.com/...",
      url,
      "--notify",
      "mail me",
    ]);
  });
});

describe("sendNotice()", () => {
  const notice = noticeOf(WHOLE, EVENTS[0]![1], 0);
  const send = (target: NotifyTarget, limitMs = 10_000) =>
    sendNotice(notice, { target: parseTarget(target)!, cwd: "/", limitMs });

  it("gives a program a line of JSON, and says what went wrong with it", async () => {
    await using rig = new Rig();
    const path = `${rig.folder}/told`;
    assertEquals(await send(["sh", "-c", `cat > ${path}; pwd >> ${path}`]), undefined);
    const [line, cwd] = textOf(path).trim().split("\n");
    assertEquals([JSON.parse(line!), cwd], [notice, "/"]);
    // It need not read it, and what it leaves running is not waited for.
    assertEquals(await send("exit 0"), undefined);
    assertEquals(await send("sleep 600 & kill -9 $! & exit 0"), undefined);
    assertEquals(await send("echo no >&2; exit 3"), "its command ended with exit code 3: no");
    assertStringIncludes(await send(["no-such-program"]) ?? "", "'no-such-program' could not be started");
    assertEquals(await send("exec sleep 600", 50), "its command took longer than 0.05 s, and was ended");
  });

  it("posts it to a URL, and says what went wrong without the secrets in that", async () => {
    const got: unknown[] = [];
    const ended = Promise.withResolvers<void>();
    await using server = Deno.serve({ port: 0, hostname: "localhost", onListen() {} }, async (request) => {
      if (request.url.endsWith("/slow")) await ended.promise;
      got.push([request.method, request.headers.get("content-type"), await request.json()]);
      const body = `no hook ${request.url}`;
      return new Response(body, { status: request.url.endsWith("/secret") ? 404 : 200 });
    });
    const at = `http://localhost:${server.addr.port}`;
    assertEquals(await send(`${at}/hook`), undefined);
    assertEquals(got, [["POST", "application/json", notice]]);
    assertEquals(await send(`${at}/secret`), `${at}/... answered 404: no hook ${at}/...`);
    assertEquals(
      await send(`${at}/slow`, 50),
      `${at}/... could not be told: there was no answer within 0.05 s`,
    );
    ended.resolve();
    const refused = await send("https://nowhere.invalid/secret");
    assertStringIncludes(refused ?? "", "https://nowhere.invalid/... could not be told: ");
    assert(!refused!.includes("secret"), refused);
  });
});

describe("a Notifier", () => {
  function notifier(rig: Rig, { runDir, on }: { runDir?: string; on?: ("end" | "failure")[] } = {}) {
    const warnings: string[] = [];
    const target: NotifyTarget = { command: `cat >> '${rig.folder}/told'`, ...(on ? { on } : {}) };
    const made = new Notifier(testRuntime(rig.root).store, {
      notified: { target, cwd: "/", command: ["furu"] },
      head: HEAD,
      warn: (text) => warnings.push(text),
      runDir,
    });
    return Object.assign(made, { warnings });
  }
  const told = (rig: Rig) =>
    textOf(`${rig.folder}/told`).split("\n").filter((line) => line !== "").map((line) => JSON.parse(line));
  const started = { type: "run_started", runId: "run-1", nodes: 5, cached: 1, at: 0 } as const;
  const failed = { type: "node_failed", name: "toy/Train", hash: HASH, failure: FAILURE, at: 0 } as const;
  const ended = { type: "run_ended", summary: SUMMARY, interrupted: false, at: 0 } as const;

  it("tells the first failure and the end, each once, in their order", async () => {
    await using rig = new Rig();
    const one = notifier(rig);
    for (const event of [started, failed, failed, ended, ended]) one.sink(event);
    one.broken(new Error("after all"));
    await one.close();
    assertEquals(told(rig).map(({ event, status }) => [event, status]), [["failure", "running"], [
      "end",
      "succeeded",
    ]]);
    assertEquals(one.warnings, []);
  });

  it("tells only what is asked for; of what breaks before it begins nobody is told", async () => {
    await using rig = new Rig();
    const [ends, fails] = [notifier(rig, { on: ["end"] }), notifier(rig, { on: ["failure"] })];
    for (const each of [ends, fails]) {
      each.broken(new Error("no such root"));
      each.sink(started);
      each.sink(failed);
      each.broken(new Error("the disk is full"));
      await each.close();
    }
    assertEquals(told(rig).map(({ event, status, error }) => [event, status, error]), [
      ["end", "failed", "the disk is full"],
      ["failure", "running", undefined],
    ]);
  });

  it("where others control the run, too, one of them tells", async () => {
    await using rig = new Rig();
    const runDir = join(rig.root, "runs/run-1");
    Deno.mkdirSync(runDir, { recursive: true });
    const both = [notifier(rig, { runDir }), notifier(rig, { runDir })];
    for (const each of both) for (const event of [started, failed, ended]) each.sink(event);
    for (const each of both) await each.close();
    assertEquals(told(rig).map(({ event }) => event).sort(), ["end", "failure"]);
  });

  it("is made by what was written down for the user alone; what cannot be read is a warning", async () => {
    await using rig = new Rig();
    const { store, logger, lines } = Object.assign(testRuntime(rig.root), { lines: [] as string[] });
    const runDir = join(rig.root, "runs/run-1");
    Deno.mkdirSync(runDir, { recursive: true });
    const about = { runId: "run-1", entry: "file:///p.ts", roots: [HASH], nodes: [] };
    const run = { mode: "pool", notifies: true, ...about } as const;
    const warn = (text: string) => lines.push(text);
    const made = (counts: { nodes: number; cached: number }) =>
      notifierOf({ store, logger: { ...logger, warn } }, runDir, { ...run, counts });
    const open = { nodes: 2, cached: 1 };
    assertEquals(await made(open), undefined);
    const notified = { target: ["cat"], cwd: "/", command: ["furu"] };
    await writeNotified(store, runDir, notified);
    const path = join(runDir, "notify.json");
    assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
    assertEquals(await readNotified(store, runDir), { value: { schema: 1, ...notified } } as never);
    assert(await made(open));
    assertEquals(await made({ nodes: 2, cached: 2 }), undefined);
    await writeNotified(store, runDir, undefined);
    assertEquals([await made(open), exists(path)], [undefined, false]);
    Deno.writeTextFileSync(path, "{");
    assertEquals(await made(open), undefined);
    assertEquals(lines.length, 1);
    assertMatch(lines[0]!, /^notify: who is to be told cannot be read: /);
  });

  it("of a pool is its controller's: the one that takes a run up goes on, and nobody tells twice", async () => {
    await using rig = new PoolRig();
    await rig.begin([artifact(() => 1)]);
    const target: NotifyTarget = `cat >> '${rig.rig.folder}/told'`;
    await writeNotified(rig.process().store, rig.paths.run, { target, cwd: "/", command: [] });
    Object.assign(rig.run, { notifies: true });
    await rig.control();
    assertEquals(told(rig.rig).map(({ event, status, mode }) => [event, status, mode]), [
      ["end", "succeeded", "pool"],
    ]);
    // As if it had been killed before it could say that the run has ended.
    Deno.removeSync(rig.paths.ended);
    await rig.control();
    assert(exists(rig.paths.ended));
    assertEquals(told(rig.rig).length, 1);
  });
});
