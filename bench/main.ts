/**
 * Measures furu beside other tools and prints one Markdown table, made in one run.
 *
 * ```sh
 * deno task bench [--only NAME]... [--peer TOOL]... [--quick | --full]
 * ```
 *
 * Everything happens in temporary folders. Tools that are not installed are left out, and the output says so.
 * Times are medians of several runs after one that is not counted; nothing is asserted about them.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { didYouMean } from "../lib/core/nearest.ts";
import { artifactsBench } from "./artifacts.ts";
import type { Bench, Row } from "./bench.ts";
import { chainBench } from "./chain.ts";
import { getBench } from "./get.ts";
import { inodesBench } from "./inodes.ts";
import { machineLines } from "./machine.ts";
import { manyBench } from "./many.ts";
import { millionBench } from "./million.ts";
import { findPeers, PEER_NAMES, type PeerName, SLOW_PEERS } from "./peers.ts";
import { planBench } from "./plan.ts";
import { poolBench } from "./pool.ts";
import { scaleBench } from "./scale.ts";
import { scheduleBench } from "./schedule.ts";
import { slurmBench } from "./slurm.ts";
import { startupBench } from "./startup.ts";
import { storedBench } from "./stored.ts";
import { benchTable } from "./table.ts";
import { tinyBench } from "./tiny.ts";
import { tracesBench } from "./traces.ts";

const BENCHES: readonly Bench[] = [
  artifactsBench,
  getBench,
  planBench,
  scheduleBench,
  tinyBench,
  tracesBench,
  storedBench,
  chainBench,
  manyBench,
  millionBench,
  inodesBench,
  slurmBench,
  poolBench,
  scaleBench,
  startupBench,
];

const HELP = `Usage: deno task bench [--only NAME]... [--peer TOOL]... [--quick | --full]

  --only NAME   Measure only this, may be given many times
  --peer TOOL   Beside this, may be given many times; all: beside every one that is installed.
                By default make and ninja, as the others (${SLOW_PEERS.join(", ")}) take many minutes
  --quick       Smaller and fewer: to see that it works, not to trust its figures
  --full        Also what takes many minutes: 200 real workers, 100,000 tasks (scale)

${BENCHES.map(({ name, description }) => `  ${name.padEnd(12)}  ${description}`).join("\n")}`;

/** Measures, prints, and returns the exit code: 1 when something could not be measured, 2 for wrong use. */
async function main(args: readonly string[]): Promise<number> {
  const unknown: string[] = [];
  const { only, peer, quick, full, help } = parseArgs([...args], {
    string: ["only", "peer"],
    collect: ["only", "peer"],
    boolean: ["quick", "full", "help"],
    unknown: (arg) => {
      unknown.push(arg);
      return false;
    },
  });
  const names = BENCHES.map(({ name }) => name);
  const wanted = only as string[];
  const stray = wanted.find((name) => !names.includes(name));
  if (help) return say(HELP, 0);
  if (unknown.length > 0) return say(`Cannot use ${unknown.join(", ")}\n\n${HELP}`, 2);
  if (stray !== undefined) {
    return say(`Cannot measure '${stray}': allowed are ${names.join(", ")}${didYouMean(stray, names)}`, 2);
  }
  const tools = peer as string[];
  const foreign = tools.find((name) => ![...PEER_NAMES, "all"].includes(name));
  if (foreign !== undefined) {
    const allowed = [...PEER_NAMES, "all"];
    return say(
      `Cannot measure beside '${foreign}': allowed are ${allowed.join(", ")}${didYouMean(foreign, allowed)}`,
      2,
    );
  }
  const asked = PEER_NAMES.filter((name: PeerName) =>
    tools.length === 0 ? !SLOW_PEERS.includes(name) : tools.includes(name) || tools.includes("all")
  );
  const peers = await findPeers(asked);
  const head = machineLines(asked, peers);
  const rows: Row[] = [], notes: string[] = [];
  let failed = false;
  for (const bench of BENCHES) {
    if (wanted.length > 0 && !wanted.includes(bench.name)) continue;
    console.error(`measuring ${bench.name}: ${bench.description}`);
    try {
      rows.push(...await bench.run({ quick, full, peers, note: (text) => notes.push(text) }));
    } catch (error) {
      // One tool of another version must not cost the rest of the table.
      failed = true;
      notes.push(`**${bench.name} could not be measured**: ${(error as Error).message}`);
    }
  }
  if (quick) notes.push("made with --quick: these figures are not to be trusted");
  console.log([...head, "", benchTable(rows), "", ...notes.map((note) => `- ${note}`)].join("\n"));
  return failed ? 1 : 0;
}

function say(text: string, code: number): number {
  if (code === 0) console.log(text);
  else console.error(text);
  return code;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
