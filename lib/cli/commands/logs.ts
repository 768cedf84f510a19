import { findArtifacts, parsePattern, taskNamesOf } from "../../catalog/find_artifacts.ts";
import { resolveConfig } from "../../core/config.ts";
import { FuruError, UsageError } from "../../core/errors.ts";
import { artifactLabel } from "../../core/hash.ts";
import { systemClock } from "../../core/system/clock.ts";
import { runIds } from "../../status/run_ids.ts";
import { findRunId, runView } from "../../status/run_views.ts";
import { computedByPool, findWorker, type WorkerOfRun, workerOutputs } from "../../status/worker_views.ts";
import { parseAttemptName } from "../../store/layout.ts";
import type { Store } from "../../store/store.ts";
import { defineCommand } from "../program/command.ts";
import { switchFlag, valueFlag, wholeNumber } from "../program/flag.ts";
import { readableStore } from "../program/readable_store.ts";

const flags = {
  follow: switchFlag("Go on with what is written, until the attempt has ended", { short: "f" }),
  attempt: valueFlag("N", "That of this attempt (default: the last one)", (text) => wholeNumber(text, 1)),
  all: switchFlag("Those of all attempts", { short: "a" }),
  lines: valueFlag("N", "Only the last lines", (text) => wholeNumber(text, 0), { short: "n" }),
  path: switchFlag("Print where the logs are, not what is in them"),
};

interface Log {
  readonly path: string;
  readonly label: string;
  /** The claim whose end ends the log. */
  readonly claim?: string;
}

const FOLLOW_MS = 300;

/** `furu logs`: what attempts printed. */
export const logsCommand = defineCommand({
  args: () => "HASH|TASK|RUN|WORKER|last",
  arity: () => ({ least: 1, most: 1 }),
  description: [
    "Prints what attempts wrote to their output: of one artifact that of its last attempt; of a task, or of " +
    "a run, those of what is computed now and of what failed, each under a heading; of a worker of a pool, what its " +
    "Slurm job wrote, and the logs of what it computes now ('furu status RUN' names the workers).",
    "An attempt that printed nothing has no log.",
  ],
  flags,
  examples: () => [
    ["4f0c12ab", "the log of the last attempt"],
    ["4f0c12ab -f", "the same, and what comes"],
    ["4f0c12ab --attempt 1", "that of the first attempt"],
    ["last", "of the latest run: what runs, and what failed"],
    ["houses/Train -n 5", "the last lines of all of a task"],
  ],
  async run({ args, flags, globals, io, engine }) {
    const [written = ""] = args;
    if (flags.follow && flags.path) {
      throw new UsageError("Cannot use --follow with --path: one of them is allowed");
    }
    const store = await readableStore(engine);
    const logs = await logsOf(store, written, flags);
    if (globals.json) {
      io.out(`${JSON.stringify(logs.map(({ path, label }) => ({ artifact: label, path })))}\n`);
      return 0;
    }
    if (flags.path) {
      io.out(logs.map(({ path }) => `${path}\n`).join(""));
      return 0;
    }
    if (logs.length === 0) {
      io.err(`nothing was printed by ${written}, as far as it was kept\n`);
      return 0;
    }
    if (flags.follow && logs.length > 1) {
      throw new UsageError(
        `Cannot follow ${logs.length} logs at once: name one artifact, as ${logs[0]!.label}`,
      );
    }
    for (const log of logs) {
      if (logs.length > 1) io.out(`==> ${log.label}: ${log.path}\n`);
      await print(store, log, io.out, flags);
      if (logs.length > 1) io.out("\n");
    }
    return 0;
  },
});

interface Which {
  readonly attempt?: number | undefined;
  readonly all: boolean;
}

async function logsOf(store: Store, written: string, which: Which): Promise<Log[]> {
  if (written === "last" || (await runIds(store)).includes(written)) {
    return await logsOfRun(store, await findRunId(store, written));
  }
  const names = await taskNamesOf(store);
  const pattern = parsePattern(written, names);
  const found = await findArtifacts(store, pattern);
  if (found.length === 0) {
    const isRun = await findRunId(store, written).catch(() => undefined);
    if (isRun !== undefined) return await logsOfRun(store, isRun);
    const worker = await findWorker(store, written);
    if (worker) return await logsOfWorker(store, worker);
    throw new FuruError(
      `Cannot find anything of '${written}' in ${store.root}: no artifact, task, run or worker`,
    );
  }
  const isOne = found.length === 1;
  const logs: Log[] = [];
  for (const each of found) {
    if (!each.hasHome) continue;
    const known = (await store.list(each.home)).flatMap(({ name }) => {
      const attempt = parseAttemptName(name);
      return attempt?.kind === "log" ? [{ name, n: attempt.n }] : [];
    }).sort((a, b) => a.n - b.n);
    const { attempt } = which;
    if (attempt !== undefined && isOne && !known.some(({ n }) => n === attempt)) {
      const there = known.map(({ n }) => n).join(", ") || "none";
      throw new FuruError(
        `Cannot find a log of attempt ${attempt} of ${
          artifactLabel(each.name, each.hash)
        }: there are ${there}`,
      );
    }
    const chosen = attempt !== undefined
      ? known.filter(({ n }) => n === attempt)
      : which.all
      ? known
      : known.slice(-1);
    const claim = store.paths(each).claim;
    for (const { name, n } of chosen) {
      logs.push({
        path: `${each.home}/${name}`,
        label: `${artifactLabel(each.name, each.hash)}, attempt ${n}`,
        claim,
      });
    }
  }
  return logs;
}

async function logsOfRun(store: Store, runId: string): Promise<Log[]> {
  const run = await runView(store, runId);
  return [...run?.running ?? [], ...run?.failures ?? []].flatMap(({ name, hash, log }) =>
    log === undefined ? [] : [{ path: log, label: artifactLabel(name, hash) }]
  );
}

async function logsOfWorker(store: Store, worker: WorkerOfRun): Promise<Log[]> {
  const { slurmRoot } = resolveConfig({ root: store.root });
  const outputs = await workerOutputs(store, worker, slurmRoot);
  const running = await computedByPool(store, worker.runId);
  return [
    ...outputs.map((path) => ({ path, label: `worker ${worker.id}` })),
    ...running.flatMap(({ name, hash, attempt, log, worker: id }) =>
      id !== worker.id || log === undefined
        ? []
        : [{ path: log, label: `${artifactLabel(name, hash)}, attempt ${attempt}` }]
    ),
  ];
}

async function print(
  store: Store,
  { path, claim }: Log,
  out: (text: string) => void,
  { follow, lines }: { follow: boolean; lines?: number | undefined },
): Promise<void> {
  const { files } = store.machine;
  const decoder = new TextDecoder();
  let at = 0;
  const rest = async (): Promise<string> => {
    try {
      const bytes = await files.readBytes(path, at);
      at += bytes.length;
      return decoder.decode(bytes, { stream: true });
    } catch {
      return ""; // nothing is printed yet
    }
  };
  const text = await rest();
  out(lines === undefined ? text : lastLines(text, lines));
  if (!follow || claim === undefined) return;
  for (;;) {
    const goesOn = await files.exists(claim);
    out(await rest());
    if (!goesOn) return;
    await systemClock.sleep(FOLLOW_MS);
  }
}

function lastLines(text: string, count: number): string {
  const lines = text.split("\n");
  const isWhole = lines.at(-1) === "";
  const from = Math.max(0, lines.length - count - (isWhole ? 1 : 0));
  return lines.slice(from).join("\n");
}
