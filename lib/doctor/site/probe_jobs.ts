import { deadline } from "@std/async/deadline";
import { join } from "@std/path/posix/join";
import { errorText, reasonOf, SlurmError } from "../../core/errors.ts";
import type { Clock } from "../../core/system/clock.ts";
import type { SlurmClient } from "../../slurm/client/client.ts";
import { jobOptions } from "../../slurm/client/job_options.ts";
import { logPath, logPattern } from "../../slurm/client/job_log.ts";
import { batchScript, setupFailure } from "../../slurm/client/script.ts";
import type { ParsedSpec } from "../../slurm/client/spec.ts";
import { SubmitRefusedError } from "../../slurm/client/submit.ts";
import { bearsName } from "../../slurm/jobs/job_identity.ts";
import { signalGroup } from "../../run/traces/left_programs.ts";
import { formatDuration } from "../../ui/duration.ts";
import { Agent } from "./agent.ts";
import { AGENT_SCRIPT } from "./agent_script.ts";
import { clockOffset, type ClockRound, parseSeen, parseTimes, sightsOf } from "./exchange.ts";
import { type JobFacts, type NodeFacts, parseCode, parseInfo, parseSubmitTry } from "./node_facts.ts";
import { beginScript, submitScript } from "./node_scripts.ts";
import { untilEnded, untilSeen, untilTold } from "./watch_queue.ts";

/** Options of {@link probeJobs}. */
export interface ProbeJobs {
  /** Asks Slurm. */
  client: SlurmClient;
  /** Time. */
  clock: Clock;
  /** The environment of this process. */
  env: Readonly<Record<string, string>>;
  /** An empty folder in the store; whoever made it removes it. */
  folder: string;
  /** What all names of jobs begin with: unique for ever. */
  name: string;
  /** What the jobs ask for. */
  spec: ParsedSpec;
  /** Whether another node can be had. */
  hasOthers: boolean;
  /** Minutes that a job may ask for. */
  maxMinutes: number;
  /** Seconds for which jobs may wait to begin. */
  waitSec: number;
  /** Seconds for which machines may wait to see what others do. */
  sightLimitSec: number;
  /** Tells people how far it is. */
  progress: (text: string) => void;
  /** Ends it with its reason. */
  signal: AbortSignal;
}

/** Milliseconds that an order may take which does nothing long. */
const ORDER_MS = 60_000;
/** Milliseconds for what three programs of Slurm may take on a node. */
const SUBMIT_MS = 250_000;
const CLEAN_MS = 30_000;
const LOOK_MS = 1000;
const TOLD_MS = 10_000;
const CLOCK_ROUNDS = 4;
/** Gigabytes that are asked for where a job must say how much. */
const SOME_MEMORY_GB = 1;
const HERE = "here";

interface Job {
  jobId: string;
  name: string;
  agent: Agent;
}

/**
 * Submits up to two small jobs on different nodes and has them tell what they see. All that it submitted is
 * cancelled when it ends, however.
 *
 * @throws The signal's reason when it aborts.
 */
export async function probeJobs(options: ProbeJobs): Promise<JobFacts> {
  return await new JobProbe(options).run();
}

class JobProbe {
  readonly #options: ProbeJobs;
  readonly #facts: JobFacts;
  readonly #jobs: Job[] = [];
  #spec: ParsedSpec;

  constructor(options: ProbeJobs) {
    this.#options = options;
    this.#spec = options.spec;
    this.#facts = {
      silent: [],
      nodes: [],
      sights: [],
      sightLimitSec: options.sightLimitSec,
      queue: {},
      left: [],
    };
  }

  async run(): Promise<JobFacts> {
    const { folder, env, clock, signal } = this.#options;
    const write = (file: string, text: string) => this.#write(file, text);
    await Promise.all([
      write("agent.sh", AGENT_SCRIPT),
      write("held.sh", "#!/bin/sh\nexit 0\n"),
      write("begin.sh", beginScript()),
    ]);
    await using _here = startAgent(folder, env, this.#seconds());
    const here = new Agent(HERE, folder, clock);
    try {
      await this.#withJobs(here);
    } catch (error) {
      signal.throwIfAborted();
      this.#facts.trouble = errorText(error);
    } finally {
      await this.#clean(here);
    }
    signal.throwIfAborted();
    return this.#facts;
  }

  async #withJobs(here: Agent): Promise<void> {
    const { client, clock, name, signal, progress, hasOthers, waitSec } = this.#options;
    const begun = clock.monotonic();
    const first = await this.#submit(`${name}-1`, {});
    if (first === undefined) return;
    const told = { client, clock, signal };
    const seen = [untilSeen(told, first.jobId)];
    // Interrupted, or awaited below.
    seen[0]!.catch(() => {});
    const node = await this.#begin(first, waitSec);
    if (node !== undefined) {
      const second = hasOthers ? await this.#submit(`${name}-2`, { exclude: node.host }) : undefined;
      if (second) seen.push(untilSeen(told, second.jobId));
      seen.at(-1)!.catch(() => {});
      if (!hasOthers) this.#facts.alone = "the partition has one node";
      progress(`trying what node ${node.facts.name} can do`);
      const trying = this.#tryNode(first, node.facts);
      trying.catch(() => {/* awaited below */});
      const waitedSec = (clock.monotonic() - begun) / 1000;
      const other = second && await this.#begin(second, Math.max(30, waitSec - waitedSec));
      await trying;
      if (second && other) await this.#tryNode(second, other.facts);
      await this.#compare([here, first.agent, ...(second && other ? [second.agent] : [])]);
      await this.#end(first);
      progress("waiting for squeue to show the end of the job");
    }
    const controllerAt = node && await untilEnded(told, first.jobId);
    if (controllerAt !== undefined) {
      const [gone, sacct] = await Promise.all([
        untilSeen(told, first.jobId, controllerAt),
        await client.hasAccounting() ? untilTold(told, first.jobId, controllerAt) : undefined,
      ]);
      this.#facts.queue.goneSec = gone;
      if (sacct !== undefined) this.#facts.sacctSec = sacct;
    }
    // Each came at another moment of what a cache keeps for a time.
    const secs = await Promise.all(seen);
    this.#facts.queue.seenSec = secs.includes(null) ? null : Math.max(...secs.map(Number));
  }

  /** Submits a job with an agent; nothing where it is refused. */
  async #submit(name: string, { exclude }: { exclude?: string | undefined }): Promise<Job | undefined> {
    const { client, clock, folder, env, progress, signal } = this.#options;
    const agent = new Agent(name.replace(/.*-/, "job"), folder, clock);
    const spec = this.#spec;
    const excluded = [...(spec.exclude ? [spec.exclude] : []), ...(exclude ? [exclude] : [])].join(",");
    const asked = {
      ...spec,
      timeMin: Math.ceil(this.#seconds() / 60),
      ...(excluded ? { exclude: excluded } : {}),
    };
    const script = join(folder, `${name}.sh`);
    const command = ["/bin/sh", join(folder, "agent.sh"), folder, agent.name, `${this.#seconds() - 30}`];
    await this.#write(`${name}.sh`, batchScript({ name, title: "furu doctor", setup: spec.setup, command }));
    const log = logPattern(folder, name);
    await this.#write(`submit-${agent.name}.sh`, submitScript({ name: `${name}-held`, spec, folder, env }));
    const submit = async (with_: ParsedSpec): Promise<Job> => {
      const begun = clock.monotonic();
      const jobOptionsOf = jobOptions({ name, spec: with_, log, requeue: false });
      const { jobId } = await client.submit({ script, name, options: jobOptionsOf, signal });
      this.#facts.submitMs ??= clock.monotonic() - begun;
      progress(`submitted job ${jobId}${exclude ? ` for another node than ${exclude}` : ""}`);
      const job = { jobId, name, agent };
      this.#jobs.push(job);
      return job;
    };
    try {
      return await submit(asked);
    } catch (error) {
      signal.throwIfAborted();
      if (exclude) return void (this.#facts.alone = wordsOf(error));
      const mayNeedMemory = spec.memGb === undefined && spec.extra.mem === undefined;
      if (mayNeedMemory && error instanceof SubmitRefusedError) {
        try {
          const job = await submit({ ...asked, memGb: SOME_MEMORY_GB });
          this.#spec = { ...spec, memGb: SOME_MEMORY_GB };
          this.#facts.mustAskMemory = true;
          return job;
        } catch { /* the first words count */ }
      }
      this.#facts.refused = wordsOf(error);
      return undefined;
    }
  }

  /** Waits until a job's agent has told about its node. */
  async #begin(job: Job, waitSec: number): Promise<{ host: string; facts: NodeFacts } | undefined> {
    const { client, clock, signal, progress } = this.#options;
    const stop = new AbortController();
    const within = AbortSignal.any([signal, stop.signal]);
    const answer = job.agent.order(["info"], waitSec * 1000 + ORDER_MS, within);
    let info: string | undefined;
    answer.then((text) => info = text, () => {});
    const begun = clock.monotonic();
    let toldAt = begun;
    let state = "not known to Slurm yet";
    let endedAt: number | undefined;
    try {
      for (;;) {
        if (info !== undefined) break;
        const waitedSec = (clock.monotonic() - begun) / 1000;
        const shown = (await client.showJob(job.jobId, signal).catch(() => undefined))?.[0];
        signal.throwIfAborted();
        state = shown?.state.text ?? state;
        const isPending = shown?.state.status === "alive" && shown.state.pending;
        if (shown?.state.status === "dead") endedAt ??= clock.monotonic();
        // A job that runs has told something, which may take a while to be seen here.
        const isLate = waitedSec > waitSec + (isPending ? 0 : ORDER_MS / 1000);
        const fault = endedAt === undefined ? undefined : await this.#setupFault(job);
        const isOver = endedAt !== undefined && clock.monotonic() - endedAt > ORDER_MS / 2;
        if (info === undefined && (isLate || isOver || fault)) {
          const ended = endedAt !== undefined || !isPending;
          this.#facts.silent.push({ jobId: job.jobId, state, ended, waitedSec, fault });
          return undefined;
        }
        if (clock.monotonic() - toldAt > TOLD_MS) {
          toldAt = clock.monotonic();
          progress(`waiting for job ${job.jobId}: ${state}, ${formatDuration(waitedSec * 1000)}`);
        }
        await clock.sleep(info === undefined ? LOOK_MS : 0, signal);
      }
    } finally {
      stop.abort();
    }
    const told = parseInfo(info);
    const host = told.get("node") || told.get("host") || job.name;
    progress(`job ${job.jobId} runs on ${host}`);
    const facts: NodeFacts = { name: host, info: told };
    this.#facts.nodes.push(facts);
    return { host, facts };
  }

  /** The line of setup that failed, as the job's log tells. */
  async #setupFault({ name, jobId }: Job): Promise<string | undefined> {
    const log = await Deno.readTextFile(logPath(this.#options.folder, name, jobId)).catch(() => "");
    return setupFailure(log) && log.trim();
  }

  /** Has furu started on a node, and a job submitted from there. */
  async #tryNode(job: Job, facts: NodeFacts): Promise<void> {
    const { signal } = this.#options;
    const clock = await this.#clockOf(job.agent);
    const begin = parseCode(await job.agent.order(["run", "begin.sh"], 2 * ORDER_MS, signal));
    const submit = parseSubmitTry(
      await job.agent.order(["run", `submit-${job.agent.name}.sh`], SUBMIT_MS, signal),
    );
    const at = this.#facts.nodes.findIndex((each) => each === facts);
    this.#facts.nodes[at] = { ...facts, clock, begin, submit };
  }

  async #clockOf(agent: Agent) {
    const { clock, signal } = this.#options;
    const rounds: ClockRound[] = [];
    for (let i = 0; i < CLOCK_ROUNDS; i++) {
      const askedAt = clock.now() / 1000;
      const told = Number(await agent.order(["clock"], ORDER_MS, signal));
      rounds.push({ askedAt, told, answeredAt: clock.now() / 1000 });
    }
    return clockOffset(rounds);
  }

  /** Has each machine do something, and all others wait to see it. */
  async #compare(agents: readonly Agent[]): Promise<void> {
    const { signal, sightLimitSec, progress } = this.#options;
    const names = new Map([
      [HERE, "this machine"],
      ...this.#jobs.map((job, i) =>
        [job.agent.name, this.#facts.nodes[i]?.name ?? job.agent.name] as [string, string]
      ),
    ]);
    progress(`seeing how soon ${agents.length} machines see what the others do`);
    const all = async <T>(order: (agent: Agent) => Promise<T>): Promise<[string, T][]> =>
      await Promise.all(agents.map(async (agent): Promise<[string, T]> => [agent.name, await order(agent)]));
    const offsets = new Map(
      (await all((agent) => this.#clockOf(agent))).flatMap(([name, offset]) =>
        offset ? [[name, offset]] : []
      ),
    );
    await all((agent) => agent.order(["prepare"], ORDER_MS, signal));
    await all((agent) => {
      const others = agents.filter((other) => other !== agent).map(({ name }) => name);
      return agent.order(["watch", `${sightLimitSec}`, ...others], 2 * ORDER_MS, signal);
    });
    const acted = await all((agent) => agent.order(["act"], ORDER_MS, signal));
    const limitMs = sightLimitSec * 1000 + 2 * ORDER_MS;
    const seen = await all((agent) => agent.order(["collect"], limitMs, signal));
    const sights = sightsOf(
      new Map(acted.map(([name, text]) => [name, parseTimes(text)])),
      new Map(seen.map(([name, text]) => [name, parseSeen(text)])),
      offsets,
    );
    const named = (name: string): string => names.get(name) ?? name;
    this.#facts.sights = sights.map((sight) => ({ ...sight, from: named(sight.from), to: named(sight.to) }));
  }

  async #end({ agent }: Job): Promise<void> {
    const { signal } = this.#options;
    await agent.order(["end"], ORDER_MS, signal).catch(() => signal.throwIfAborted());
  }

  /** Cancels what this has submitted, also from nodes: by sbatch's own answers, then by names. */
  async #clean(here: Agent): Promise<void> {
    const { client, name } = this.#options;
    const signal = AbortSignal.timeout(CLEAN_MS);
    const { left } = this.#facts;
    await here.order(["end"], 1000, signal).catch(() => {/* it ends with its folder, or its time */});
    if (this.#facts.refused !== undefined && this.#jobs.length === 0) return;
    try {
      const ids = this.#jobs.map(({ jobId }) => jobId);
      if (ids.length > 0) await client.cancel(ids, { signal });
      const names = [1, 2].flatMap((i) => [`${name}-${i}`, `${name}-${i}-held`]);
      const found = await client.lookup(names, signal);
      if (found === undefined) throw new SlurmError("Slurm does not tell which jobs there are");
      const alive = found.filter((job) =>
        job.state.status !== "dead" && names.some((each) => bearsName(each, job)) && !ids.includes(job.jobId)
      );
      if (alive.length > 0) await client.cancel(alive.map(({ jobId }) => jobId), { signal });
    } catch (error) {
      const words = signal.aborted ? reasonOf(signal) : errorText(error);
      left.push(`jobs named ${name}-* (scancel; they end by themselves): ${words}`);
    }
  }

  /** Writes a file of the folder, which a file server must not hold up for ever. */
  async #write(name: string, text: string): Promise<void> {
    await deadline(Deno.writeTextFile(join(this.#options.folder, name), text), ORDER_MS);
  }

  /** How long a job may take: all that is waited for in it. */
  #seconds(): number {
    const { waitSec, sightLimitSec, maxMinutes } = this.#options;
    const minutes = Math.ceil((waitSec + sightLimitSec + 6 * ORDER_MS / 1000) / 60);
    return Math.max(1, Math.min(minutes, Math.floor(maxMinutes))) * 60;
  }
}

/** Starts an agent on this machine. It is ended with its owner. */
function startAgent(folder: string, env: Readonly<Record<string, string>>, seconds: number): AsyncDisposable {
  const child = new Deno.Command("/bin/sh", {
    args: [join(folder, "agent.sh"), folder, HERE, `${seconds}`],
    env,
    clearEnv: true,
    stdin: "null",
    stdout: "null",
    stderr: "null",
    detached: true,
  }).spawn();
  child.unref();
  return {
    [Symbol.asyncDispose]: () => {
      // With what it has started: it leads a group of its own.
      signalGroup(child.pid, "SIGKILL");
      return Promise.resolve();
    },
  };
}

function wordsOf(error: unknown): string {
  return (error as Error).message.replace(/^Cannot submit \S+ as /, "");
}
