import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { artifactView } from "../../lib/cli/view/artifact_view.ts";
import { StoreError } from "../../lib/core/errors.ts";
import type { RunSummary } from "../../lib/core/event.ts";
import type { Files } from "../../lib/core/system/files.ts";
import { makePlan } from "../../lib/plan/graph.ts";
import { InlineComputer } from "../../lib/run/computer.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import { AttemptBackend } from "../../lib/schedule/attempt_backend.ts";
import { drive } from "../../lib/schedule/drive.ts";
import { storeStatus } from "../../lib/schedule/status_source.ts";
import { endRecordOf } from "../../lib/store/claims/claim.ts";
import type { ClaimRecord } from "../../lib/store/record.ts";
import type { Artifact } from "../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../lib/task/define.ts";
import { z } from "zod";
import { osError, Rig, testRuntime, textOf } from "../rig.ts";
import { getFrom } from "../run/rig.ts";

let tasks = 0;

/** One artifact whose files are damaged, one that depends on it, and one that has nothing to do with it. */
function threeOf(): { bad: Artifact; above: Artifact; good: Artifact } {
  const name = `test/Damage${++tasks}`;
  const Bad = defineTask({ name: `${name}/Bad`, params: z.object({}), create: () => "bad" });
  const Good = defineTask({ name: `${name}/Good`, params: z.object({}), create: () => "good" });
  const Above = defineTask({
    name: `${name}/Above`,
    params: z.object({ bad: Bad.schema }),
    create: () => "above",
  });
  return { bad: Bad(), above: Above({ bad: Bad() }), good: Good() };
}

async function run(runtime: Runtime, roots: Artifact[], keepGoing = true): Promise<RunSummary> {
  const source = storeStatus(runtime);
  const { summary } = await drive(runtime, {
    runId: "run",
    plan: await makePlan(roots, source),
    window: "bfs",
    keepGoing,
    retry: runtime.config,
    forced: undefined,
    replan: (one) => makePlan([one], source),
    onEvent: () => {},
    signal: new AbortController().signal,
    backend: (report) =>
      new AttemptBackend(runtime, {
        name: "test",
        runId: "run",
        computer: new InlineComputer(runtime, "run"),
        forced: undefined,
        onEvent: () => {},
        report,
      }),
  });
  return summary;
}

const claim: ClaimRecord = {
  schema: 1,
  id: "0123456789ab",
  owner: { host: "elsewhere", pid: 7 },
  backend: "local",
  startedAt: "2026-01-01T00:00:00.000Z",
  leaseSec: 0.3,
};
const job = { schema: 1, name: "furu-job", run: "slurm-run", submitter: claim.owner, submittedAt: "now" };

/** Each kind of file that the store keeps for an artifact: where it is, and what it looks like when it is whole. */
const KINDS: Record<string, { file: string; text: (runtime: Runtime, bad: Artifact) => Promise<string> }> = {
  "success record": {
    file: ".json",
    text: async (runtime, bad) => {
      await getFrom(runtime, bad);
      return textOf(runtime.store.paths(bad).record);
    },
  },
  "end of an attempt": {
    file: "/end-0123456789ab.json",
    text: ({ machine }) =>
      Promise.resolve(JSON.stringify(endRecordOf(machine, claim, 1, { kind: "failed", error: "no luck" }))),
  },
  "claim": { file: ".claim", text: () => Promise.resolve(JSON.stringify(claim)) },
  "queued job": { file: "/queued.json", text: () => Promise.resolve(JSON.stringify(job)) },
};

/** What a power cut, a full disk or a person makes of a file: each as it is written down here, or cut there. */
const TORN: Record<string, (text: string) => string> = {
  "empty": () => "",
  "cut after a byte": (text) => text.slice(0, 1),
  "cut in the middle": (text) => text.slice(0, text.length / 2),
  "without its last byte": (text) => text.slice(0, -1),
  "all NULs": (text) => "\0".repeat(text.length),
  "half NULs": (text) => text.slice(0, 40) + "\0".repeat(text.length - 40),
  "somebody's web page": () => "<html>quota exceeded</html>",
  "null": () => "null",
  "an empty object": () => "{}",
  "an empty list": () => "[]",
};
const newer = (text: string): string => text.replace('"schema":1', '"schema":2');

/** Damages the file of a kind. @returns its path. */
async function damaged(
  runtime: Runtime,
  bad: Artifact,
  kind: string,
  damage: (text: string) => string,
): Promise<string> {
  const { file, text } = KINDS[kind]!;
  const whole = await text(runtime, bad);
  const path = `${runtime.store.paths(bad).home}${file}`;
  Deno.mkdirSync(join(path, ".."), { recursive: true });
  Deno.writeTextFileSync(path, damage(whole));
  return path;
}

/** Plans, and runs with all that is to be done: whatever is the matter with `bad`, the others are not stopped. */
async function outcome(rig: Rig, { bad, above, good }: ReturnType<typeof threeOf>) {
  const config = { leaseSec: 1.5, pollIntervalSec: 0.05 };
  const planned = await makePlan([bad, above, good], storeStatus(testRuntime(rig.root, { config })));
  assertEquals(planned.nodes.get(good.hash)?.status, "TODO");
  assertEquals(
    await artifactView(testRuntime(rig.root).store, found(rig, bad)).then(({ hash }) => hash),
    bad.hash,
  );
  const summary = await run(testRuntime(rig.root, { config }), [bad, above, good]);
  assertEquals(await getFrom(testRuntime(rig.root), good), "good");
  return {
    state: planned.nodes.get(bad.hash)!.state as { status: string; error?: string; detail?: string },
    summary,
  };
}

function found(rig: Rig, { name, hash }: Artifact) {
  const { record, home } = testRuntime(rig.root).store.paths({ name, hash });
  return { name, hash, record, home, hasRecord: true, hasHome: true, hasClaim: false };
}

describe("a run over damaged results", () => {
  for (const [what, damage] of Object.entries({ ...TORN, "of a newer furu": newer })) {
    it(`a success record that is ${what} fails its node and what depends on it, nothing else`, async () => {
      await using rig = new Rig();
      const three = threeOf();
      const path = await damaged(testRuntime(rig.root), three.bad, "success record", damage);
      const { state, summary } = await outcome(rig, three);
      assertEquals(state.status, "FAILED");
      assertEquals({ computed: summary.computed, notRun: summary.notRun }, { computed: 1, notRun: 1 });
      assertEquals(summary.failures.map(({ name, attempts }) => [name, attempts]), [[three.bad.name, 0]]);
      for (const text of [state.error!, summary.failures[0]!.error]) {
        assertStringIncludes(text, path);
        assertStringIncludes(text, `${three.bad}`);
      }
      const alone = await assertRejects(() => getFrom(testRuntime(rig.root), three.bad), StoreError);
      assertEquals(`StoreError: ${alone.message}`, state.error);
    });

    it(`an end record that is ${what} stops nothing: its attempt counts as crashed`, async () => {
      await using rig = new Rig();
      const three = threeOf();
      const path = await damaged(testRuntime(rig.root), three.bad, "end of an attempt", damage);
      const off = testRuntime(rig.root, { config: { retryFailed: false } });
      const failed = (await makePlan([three.bad], storeStatus(off))).nodes.get(three.bad.hash)!.state;
      assertEquals(failed.status, "FAILED");
      assertStringIncludes((failed as { error: string }).error, path);
      const { state, summary } = await outcome(rig, three);
      assertEquals(state.status, "TODO");
      assertEquals({ computed: summary.computed, failures: summary.failures }, { computed: 3, failures: [] });
      assertStringIncludes(state.detail!, path);
      assertEquals(await getFrom(testRuntime(rig.root), three.bad), "bad");
    });
  }

  for (const what of ["empty", "cut in the middle", "all NULs", "null"]) {
    it(`a claim that is ${what} is left to its lease, and then taken over`, async () => {
      await using rig = new Rig();
      const three = threeOf();
      await damaged(testRuntime(rig.root), three.bad, "claim", TORN[what]!);
      const { state, summary } = await outcome(rig, three);
      assertEquals(state.status, "IN_PROGRESS");
      assertEquals({ computed: summary.computed, failures: summary.failures }, { computed: 3, failures: [] });
    });
  }

  for (const [what, damage] of Object.entries(TORN)) {
    it(`a queued job's record that is ${what} names no job: the node is computed`, async () => {
      await using rig = new Rig();
      const three = threeOf();
      await damaged(testRuntime(rig.root), three.bad, "queued job", damage);
      const { state, summary } = await outcome(rig, three);
      assertEquals(state.status, "TODO");
      assertEquals({ computed: summary.computed, failures: summary.failures }, { computed: 3, failures: [] });
    });
  }

  for (const kind of ["claim", "queued job"]) {
    it(`a ${kind} of a newer furu fails its node and what depends on it, nothing else`, async () => {
      await using rig = new Rig();
      const three = threeOf();
      const path = await damaged(testRuntime(rig.root), three.bad, kind, newer);
      const planned = (await makePlan([three.bad], storeStatus(testRuntime(rig.root)))).nodes.get(
        three.bad.hash,
      )!;
      assertEquals(planned.status, "FAILED");
      assertStringIncludes((planned.state as { error: string }).error, path);
      const summary = await run(testRuntime(rig.root), [three.bad, three.above, three.good]);
      assertEquals({ computed: summary.computed, notRun: summary.notRun }, { computed: 1, notRun: 1 });
      assertStringIncludes(summary.failures[0]!.error, "a newer furu made it");
      assertEquals(textOf(path).includes('"schema":2'), true, "it is not touched");
    });
  }

  /** Operations on one path that fail. */
  function failing(path: string, code: string): Partial<Files> {
    const real = testRuntime("/nowhere").machine.files;
    const refuse =
      <A extends unknown[], R>(operation: (path: string, ...rest: A) => Promise<R>) =>
      (at: string, ...rest: A): Promise<R> =>
        at === path || at.startsWith(`${path}/`)
          ? Promise.reject(osError(code, `${at} (${code})`))
          : operation(at, ...rest);
    return {
      readText: refuse(real.readText),
      list: refuse(real.list),
      mkdir: refuse(real.mkdir),
      write: refuse(real.write),
    };
  }

  for (const code of ["EIO", "ESTALE", "EMFILE", "EACCES"]) {
    for (const what of ["record", "home", "taskDir"] as const) {
      it(`${code} of an artifact's ${what} fails its node and what depends on it, nothing else`, async () => {
        await using rig = new Rig();
        const three = threeOf();
        await getFrom(testRuntime(rig.root), three.bad);
        const paths = testRuntime(rig.root).store.paths(three.bad);
        Deno.mkdirSync(paths.home);
        if (what === "home") Deno.removeSync(paths.record);
        const files = failing(paths[what], code);
        const { nodes } = await makePlan(
          [three.bad, three.good],
          storeStatus(testRuntime(rig.root, { files })),
        );
        assertEquals(nodes.get(three.good.hash)!.status, "TODO");
        const { status, ...state } = nodes.get(three.bad.hash)!.state;
        assertEquals([status, "unreadable" in state], ["FAILED", true]);
        const config = { staleAfterSec: 0.2, pollIntervalSec: 0.05 };
        const roots = [three.bad, three.above, three.good];
        const summary = await run(testRuntime(rig.root, { files, config }), roots);
        assertEquals({ computed: summary.computed, notRun: summary.notRun }, { computed: 1, notRun: 1 });
        assertEquals(summary.failures.map(({ name }) => name), [three.bad.name]);
        assertStringIncludes(summary.failures[0]!.error, paths[what]);
        assertEquals((await run(testRuntime(rig.root), [three.above])).failures, []);
      });
    }
  }

  it("a claim that turns into one of a newer furu while it is watched fails its node alone", async () => {
    await using rig = new Rig();
    const three = threeOf();
    const path = await damaged(testRuntime(rig.root), three.bad, "claim", (text) => text);
    const waiting = run(testRuntime(rig.root, { config: { pollIntervalSec: 0.02 } }), Object.values(three));
    Deno.writeTextFileSync(path, newer(textOf(path)));
    const summary = await waiting;
    assertEquals({ computed: summary.computed, notRun: summary.notRun, failures: summary.failures.length }, {
      computed: 1,
      notRun: 1,
      failures: 1,
    });
  });

  it("without keepGoing a node that cannot be read is the run's first failure, and no error of the run itself", async () => {
    await using rig = new Rig();
    const three = threeOf();
    await damaged(testRuntime(rig.root), three.bad, "success record", () => "");
    const summary = await run(testRuntime(rig.root), Object.values(three), false);
    assertEquals({ computed: summary.computed, failures: summary.failures.length, notRun: summary.notRun }, {
      computed: 0,
      failures: 1,
      notRun: 2,
    });
  });

  it("with recomputeDamaged a run computes damaged dependencies again, before what needs them", async () => {
    await using rig = new Rig();
    const { bad, above } = threeOf();
    await getFrom(testRuntime(rig.root), bad);
    Deno.truncateSync(testRuntime(rig.root).store.paths(bad).record);
    const summary = await run(testRuntime(rig.root, { config: { recomputeDamaged: true } }), [above]);
    assertEquals({ computed: summary.computed, failures: summary.failures }, { computed: 2, failures: [] });
    assertEquals(await getFrom(testRuntime(rig.root), bad), "bad");
  });

  it("a damaged dependency that nobody opened before is named by what needs it, as is the way out", async () => {
    await using rig = new Rig();
    const name = `test/Damage${++tasks}`;
    const Low = defineTask({ name: `${name}/Low`, params: z.object({}), create: () => 1 });
    const Top = defineTask({
      name: `${name}/Top`,
      params: z.object({ low: Low.schema }),
      create: ({ params }) => getFrom(testRuntime(rig.root), params.low),
    });
    await getFrom(testRuntime(rig.root), Low());
    const { record } = testRuntime(rig.root).store.paths(Low());
    Deno.truncateSync(record, 10);
    const { failures } = await run(testRuntime(rig.root), [Top({ low: Low() })]);
    assertEquals(failures.map(({ name }) => name), [`${name}/Top`]);
    for (const each of [`${Low()}`, record, "force: true"]) assertStringIncludes(failures[0]!.error, each);
    assert(failures[0]!.kind === "compute");
  });
});
