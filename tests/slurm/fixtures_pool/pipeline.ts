import {
  type Artifact,
  configure,
  type CreateContext,
  defineTask,
  file,
  get,
  RunFailedError,
  runSlurm,
  type RunSlurmOptions,
  settle,
  z,
} from "@furu/furu";
import type { Node } from "../../e2e/run_rig.ts";
import { act, SCENE } from "../../e2e/fixtures_run/acts.ts";
import type { PoolReport, Start } from "../pool/cluster_pool_rig.ts";

const node = Deno.env.get("SLURMD_NODENAME");
if (node !== undefined && [node, "*"].includes(textOf("bad-node") ?? "")) {
  throw new Error(`made up: no library on ${node}`);
}

const SPECS = { default: { timeMin: 5 }, gpu: { partition: "gpu", gpus: 1, cpus: 2, timeMin: 5 } };

const anyJob: z.ZodType<Artifact<string>> = z.lazy(() =>
  Job.schema as unknown as z.ZodType<Artifact<string>>
);

const params = z.object({
  id: z.string(),
  /** What `create` does, one after the other: see `acts.ts`, and below. */
  does: z.array(z.string()).default([]),
  needs: z.array(anyJob).default([]),
  /** What it can do without. */
  may: z.array(anyJob).optional(),
  spec: z.string().default("default"),
  /** What it takes of limits, and its turn. */
  takes: z.array(z.string()).default([]),
  priority: z.int().optional(),
  /** What is in it is written down, too. */
  data: file.schema.optional(),
});

/** Writes down each start outside of the store, and says what it was made of. */
export const Job = defineTask({
  name: "pool/Job",
  params,
  unhashed: ["does", "spec", "takes", "priority"],
  tolerate: ["may"],
  spec: (params): string => params.spec,
  limits: (params) => params.takes,
  priority: (params) => params.priority,
  retryDelaySec: (_, { does }) => does.includes("rests") ? 2 : 0,
  create: async (ctx: CreateContext<z.output<typeof params>>): Promise<string> => {
    const { id, does, needs, may = [], data } = ctx.params;
    if (data) Deno.writeTextFileSync(`${SCENE}/read-${id}`, await Deno.readTextFile(data.path));
    const partition = Deno.env.get("SLURM_JOB_PARTITION");
    const start: Start = { id, attempt: ctx.attempt, pid: Deno.pid, node, partition, at: Date.now() };
    Deno.writeTextFileSync(`${SCENE}/starts`, `${JSON.stringify(start)}\n`, { append: true });
    const values: string[] = [];
    for (const below of needs) values.push(await get(below));
    for (const each of await Promise.all(may.map(settle))) {
      values.push(each.status === "fulfilled" ? each.value : `without: ${each.reason.message}`);
    }
    for (const line of does) await one(ctx, line);
    return `${id}(${values.join()})`;
  },
});

/** The same under another name. */
const Other = defineTask({
  name: "pool/Other",
  params,
  unhashed: ["does", "spec"],
  tolerate: ["may"],
  spec: (params): string => params.spec,
  create: (ctx): Promise<string> => Job.definition.create(ctx as CreateContext) as Promise<string>,
});

async function one(ctx: CreateContext<z.output<typeof params>>, line: string): Promise<void> {
  const [word, rest] = line.split(" ");
  if (word === "sleep") return await new Promise((resolve) => setTimeout(resolve, Number(rest)));
  if (word === "rests") return;
  if (word === "share") return await share(ctx);
  if (word === "saves") return await saves(ctx, Number(rest));
  if (word === "killWorker") Deno.kill(Deno.ppid, "SIGKILL");
  else if (word === "cancelJob") await new Deno.Command("scancel", { args: [ownJob()] }).output();
  else return await act(ctx, [line]);
  await act(ctx, ["heed cancelled"]);
}

/** Writes down what it may use of its node, and what a step gets that it starts. */
async function share(
  { params: { id }, cpus, gpus, run, scratchDir }: CreateContext<z.output<typeof params>>,
) {
  const step = await run([
    "srun",
    "--exact",
    "sh",
    "-c",
    "scontrol -o show step $SLURM_JOB_ID.$SLURM_STEP_ID | grep -o 'CPUs=[0-9]*'",
  ], {
    stdout: "text",
  });
  Deno.writeTextFileSync(`${scratchDir}/part`, id);
  Deno.writeTextFileSync(
    `${SCENE}/share-${id}`,
    JSON.stringify({ cpus, gpus, step: step.trim(), scratchDir }),
  );
}

/** In the first attempt: waits until it is told to end, and then takes as long to save a checkpoint. */
async function saves(ctx: CreateContext<z.output<typeof params>>, ms: number): Promise<void> {
  const saved = `${ctx.checkpointDir}/saved`;
  if (textIn(saved) !== undefined) return;
  const before = ctx.timeLeftMs;
  const timer = setInterval(() => {}, 1000);
  await new Promise((resolve) => ctx.signal.addEventListener("abort", resolve, { once: true }));
  // What Slurm has answered comes a moment later.
  await new Promise((resolve) => setTimeout(resolve, ms));
  clearInterval(timer);
  Deno.writeTextFileSync(saved, "all of it");
  const { params: { id }, timeLeftMs } = ctx;
  Deno.writeTextFileSync(`${SCENE}/saved-${id}`, JSON.stringify([before, timeLeftMs]));
  ctx.signal.throwIfAborted();
}

/** As scancel wants it: the id in the environment of an array's last task is that of the whole array. */
function ownJob(): string {
  const array = Deno.env.get("SLURM_ARRAY_JOB_ID");
  return array === undefined
    ? Deno.env.get("SLURM_JOB_ID")!
    : `${array}_${Deno.env.get("SLURM_ARRAY_TASK_ID")}`;
}

function artifactOf(
  { id, does = [], needs = [], may, spec = "default", takes = [], priority, task }: Node,
): Artifact<string> {
  const all = { needs: needs.map(artifactOf), may: may?.map(artifactOf) };
  if (task === "Other") return Other({ id, does, spec, ...all });
  return Job({ id, does, spec, takes, priority, ...all });
}

function textOf(name: string): string | undefined {
  return textIn(`${SCENE}/${name}`);
}

function textIn(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}

/** What `furu run` runs: the nodes that the test has written down, on a Slurm as it has written down. */
export default async function roots(): Promise<Artifact<string>[]> {
  const own = JSON.parse(textOf("slurm.json") ?? "{}");
  configure({ recordGit: "ignore", slurm: { specs: SPECS, squeueIntervalSec: 0.5, ...own } });
  const nodes: Node[] = JSON.parse(textOf("roots.json")!);
  return await Promise.all(
    nodes.map(async (node) =>
      node.file === undefined
        ? artifactOf(node)
        : Job({ id: node.id, spec: node.spec, data: await file(`${SCENE}/${node.file}`) })
    ),
  );
}

async function run(roots: Node[], options: Partial<RunSlurmOptions>): Promise<PoolReport> {
  const messages: string[] = [];
  try {
    const done = await runSlurm(roots.map(artifactOf), {
      specs: SPECS,
      squeueIntervalSec: 0.5,
      progress: "plain",
      ...options,
      onEvent: (event) => {
        if (event.type === "message") messages.push(event.text);
      },
    });
    return "runDir" in done ? { messages } : { messages, summary: done };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return {
      messages,
      error: { name: error.name, message: error.message },
      ...(error instanceof RunFailedError ? { summary: error.summary } : {}),
    };
  }
}

// Runs what the argument says, and prints a report of it as the last line.
if (import.meta.main) {
  const { roots, options } = JSON.parse(Deno.args[0]!);
  configure({ recordGit: "ignore", pollIntervalSec: 0.5 });
  console.log(JSON.stringify(await run(roots, options)));
}
