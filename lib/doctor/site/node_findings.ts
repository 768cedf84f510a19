import { denoFault } from "../../core/system/deno_range.ts";
import { bytesText } from "../../ui/text.ts";
import { type Change, CHANGES } from "./agent_script.ts";
import type { Sight } from "./exchange.ts";
import { delayText, type DoctorFinding } from "../machine/finding.ts";
import type { JobFacts, NodeFacts } from "./node_facts.ts";

/** What the findings of jobs are judged by. */
export interface NodeContext {
  /** Seconds for which a claim counts without a heartbeat. */
  leaseSec: number;
  /** Whether nodes are said to be able to submit. */
  nodesSubmit: boolean;
  /** Seconds between two lists, as configured. */
  squeueIntervalSec: number;
  /** The version of the Deno that begins runs. */
  deno: string;
}

const CLOCK_SEC = 5;
const TEMP_LITTLE = 1e9;
const ADDRESS_SPACE_KB = 64e6;

const NAMES: Readonly<Record<Change, string>> = {
  new: "a new file by its name",
  listed: "a new file in a list",
  gone: "a removed file",
  changed: "a changed file",
  beat: "a heartbeat",
  linked: "a hard link",
};

/** Judges what the jobs told. */
export function nodeFindings(facts: JobFacts, context: NodeContext): DoctorFinding[] {
  return [
    ...submission(facts),
    ...facts.silent.map(silentFinding),
    ...(facts.alone === undefined || facts.nodes.length === 0 ? [] : [aloneFinding(facts.alone)]),
    ...(facts.trouble === undefined ? [] : [troubleFinding(facts.trouble)]),
    ...facts.nodes.flatMap((node) => ofNode(node, context)),
    ...sightFindings(facts, context),
    ...queueFindings(facts, context),
    ...(facts.left.length === 0 ? [] : [leftFinding(facts.left)]),
  ];
}

function submission({ refused, mustAskMemory, submitMs }: JobFacts): DoctorFinding[] {
  const common = { id: "slurm.submit", what: "submitting" };
  if (refused !== undefined) {
    return [{
      ...common,
      level: "wrong",
      found: refused,
      effect: "no run on Slurm can have jobs",
      fix: adviceFor(refused),
    }];
  }
  if (submitMs === undefined) return [];
  const found = `sbatch answers in ${delayText(submitMs)}${
    mustAskMemory ? ", when a job says its memory" : ""
  }`;
  const values = { ms: Math.round(submitMs) };
  if (submitMs < 10_000) return [{ ...common, level: "fine", found, values }];
  return [{
    ...common,
    level: "warning",
    found,
    values,
    effect: "many jobs take long to submit",
    fix: "use a pool with fewer workers rather than DAG mode",
  }];
}

function adviceFor(words: string): string {
  const option = /\b(account|partition|qos|constraint|memory|time limit)\b/i.exec(words)?.[1]?.toLowerCase();
  if (option === "time limit") return "set timeMin of the spec to less";
  if (option === "memory") return "set memGb of the spec";
  if (/limit/i.test(words)) return "wait until fewer of your jobs are in the queue";
  return option === undefined
    ? "submit a job by hand with sbatch, and put what it needs into the spec (slurm.specs in furu.json)"
    : `set "${option}" of the spec (slurm.specs in furu.json)`;
}

function silentFinding({ jobId, state, ended, waitedSec, fault }: JobFacts["silent"][number]): DoctorFinding {
  const common = { id: "slurm.begin", what: `job ${jobId}`, values: { jobId, state, waitedSec } };
  if (!ended) {
    return {
      ...common,
      level: "unknown",
      found: `has not begun for ${delayText(waitedSec * 1000)}: ${state}`,
      fix: "wait longer (--wait SECONDS), or use a spec whose jobs begin sooner (--spec NAME)",
    };
  }
  if (fault !== undefined) {
    const effect = "jobs of this spec cannot begin";
    return { ...common, level: "wrong", found: fault, effect, fix: 'correct "setup" of the spec' };
  }
  return {
    ...common,
    level: "wrong",
    found: `ended and told nothing in the store: ${state}`,
    effect: "jobs cannot work: nodes do not see the store's folder, or may not write there",
    fix: "keep the store where all nodes see it (FURU_PATH)",
  };
}

function aloneFinding(why: string): DoctorFinding {
  const found = `no other one: ${why}`;
  return {
    id: "slurm.second-node",
    what: "second node",
    level: "unknown",
    found,
    effect: "two nodes were not compared",
  };
}

function troubleFinding(found: string): DoctorFinding {
  const effect = "what would have followed was not tried";
  return {
    id: "slurm.jobs",
    what: "jobs",
    level: "wrong",
    found,
    effect,
    fix: "look at the node and the file server",
  };
}

function leftFinding(left: readonly string[]): DoctorFinding {
  return {
    id: "doctor.left",
    what: "left behind",
    level: "warning",
    found: left.join("; "),
    fix: "remove it by hand",
  };
}

function ofNode(node: NodeFacts, context: NodeContext): DoctorFinding[] {
  const { nodesSubmit } = context;
  const { name, info, begin, submit, clock } = node;
  const findings: DoctorFinding[] = [];
  const values = { node: name };
  if (begin !== undefined) findings.push(beginFinding(node, context));
  const free = Number(info.get("tmpFreeKb") || NaN) * 1024;
  const temp = `${Number.isNaN(free) ? "?" : bytesText(free)} free in ${info.get("tmp") ?? "/tmp"}`;
  const isWritable = info.get("tmpWritable") === "yes";
  findings.push({
    id: "node.temp",
    what: `temporary files on ${name}`,
    level: !isWritable ? "wrong" : free < TEMP_LITTLE ? "warning" : "fine",
    found: isWritable ? temp : `${info.get("tmp")} cannot be written`,
    values: { ...values, freeBytes: free },
    ...(!isWritable
      ? {
        effect: "worker processes cannot be started: their sockets are there",
        fix: 'set TMPDIR in the setup of the spec, as "export TMPDIR=/local/$SLURM_JOB_ID"',
      }
      : free < TEMP_LITTLE
      ? { effect: "tasks that write temporary files may fail", fix: "set TMPDIR in the setup of the spec" }
      : {}),
  });
  const addresses = Number(info.get("addressSpaceKb") ?? NaN);
  if (addresses < ADDRESS_SPACE_KB) {
    findings.push({
      id: "node.limits",
      what: `virtual memory on ${name}`,
      level: "warning",
      found: `is limited to ${bytesText(addresses * 1024)} (ulimit -v)`,
      effect: "V8 reserves much more than it uses, and dies where it cannot",
      fix: '"ulimit -v unlimited" in the setup of the spec',
      values,
    });
  }
  if (clock !== undefined) {
    const { aheadSec, unsureSec } = clock;
    const isOff = Math.abs(aheadSec) - unsureSec > CLOCK_SEC;
    const off = delayText(Math.abs(aheadSec) * 1000);
    findings.push({
      id: "node.clock",
      what: `clock of ${name}`,
      level: isOff ? "warning" : "fine",
      found: `${off} ${aheadSec > 0 ? "ahead of" : "behind"} this machine's, give or take ${
        delayText(unsureSec * 1000)
      }`,
      values: { ...values, aheadSec, unsureSec },
      ...(isOff
        ? {
          effect: "furu works (it compares no clocks), but times in logs and records do not fit together",
          fix: "ask the administrator to have the clocks set (NTP, chrony)",
        }
        : {}),
    });
  }
  if (submit !== undefined) findings.push(submitFinding(name, submit, nodesSubmit));
  return findings;
}

function beginFinding({ name, info, begin }: NodeFacts, { deno }: NodeContext): DoctorFinding {
  const common = { id: "node.deno", what: `furu on ${name}`, values: { node: name, libc: info.get("libc") } };
  const { code, text } = begin!;
  if (code === 0) {
    const found = `${versionOf(text)}, ${info.get("libc")}`;
    return { ...common, found, ...judgeDeno(/\bdeno ([^\s,)]+)/.exec(text)?.[1] ?? deno, deno) };
  }
  const needed = [...text.matchAll(/GLIBC_(\d+\.\d+)' not found/g)].map(([, version]) => version!);
  const said = text.split("\n").filter((line) => line.trim() !== "").slice(0, 2).join(" ");
  const effect = "jobs cannot begin there";
  if (needed.length > 0) {
    const highest = needed.toSorted((a, b) => Number(a.split(".")[1]) - Number(b.split(".")[1])).at(-1);
    return {
      ...common,
      level: "wrong",
      found: `Deno needs glibc ${highest}, there is ${info.get("libc")}`,
      effect,
      fix: "use nodes with a newer system (constraint, exclude), or a container or module with a newer glibc",
    };
  }
  if (code === 124) {
    return {
      ...common,
      level: "wrong",
      found: "does not begin within 60 s",
      effect,
      fix: "look at that node",
    };
  }
  return {
    ...common,
    level: "wrong",
    found: `exit code ${code}: ${said}`,
    effect,
    fix: code === 126 || code === 127
      ? "install Deno where all nodes see it, or make one file (furu pack) there; or a setup line (module load)"
      : 'see what it says; "setup" of the spec runs lines of shell before',
  };
}

/** Judges the Deno of a node beside the one that begins runs. */
function judgeDeno(there: string, here: string): Pick<DoctorFinding, "level" | "effect" | "fix"> {
  if (there === here) return { level: "fine" };
  const fix = "install the same Deno where all nodes see it, or make one file with it (furu pack)";
  const fault = denoFault({ version: there });
  if (fault !== undefined) return { level: "wrong", effect: `jobs fail there: ${fault}`, fix };
  return { level: "warning", effect: `runs are begun with Deno ${here}: tasks may compute otherwise`, fix };
}

/** `furu 0.1.0 (deno 2.9.6)` of what furu says of its version. */
function versionOf(text: string): string {
  return (text.split("\n")[0] ?? "").replace(/,.*\)$/, ")");
}

function submitFinding(
  node: string,
  { codes, text }: NonNullable<NodeFacts["submit"]>,
  nodesSubmit: boolean,
): DoctorFinding {
  const failed = ["sbatch", "scontrol", "scancel"].filter((name) => codes.get(name) !== 0);
  const common = {
    id: "node.submit",
    what: `submitting on ${node}`,
    values: { node, codes: Object.fromEntries(codes) },
  };
  if (failed.length === 0) {
    const more = nodesSubmit ? "" : "; furu.json says that it does not (slurm.nodesSubmit)";
    return { ...common, level: "fine", found: `works${more}` };
  }
  const words = text.split("\n").find((line) => line.trim() !== "") ?? `exit code ${codes.get(failed[0]!)}`;
  const found = `${failed[0]} does not work there: ${words}`;
  if (!nodesSubmit) {
    return { ...common, level: "fine", found: `${found}; so says furu.json (slurm.nodesSubmit)` };
  }
  return {
    ...common,
    level: "warning",
    found,
    effect: "a detached run cannot replace workers that it loses",
    fix: "set slurm.nodesSubmit to false: such a run then has all its workers submitted when it begins",
    settings: [{ path: ["slurm", "nodesSubmit"], value: false }],
  };
}

function sightFindings({ sights, sightLimitSec }: JobFacts, { leaseSec }: NodeContext): DoctorFinding[] {
  return CHANGES.flatMap((change): DoctorFinding[] => {
    const of = sights.filter((sight) => sight.change === change);
    if (of.length === 0) return [];
    const unseen = of.filter(({ sec }) => sec === undefined);
    const worst = of.reduce((one, other) => (other.sec ?? Infinity) > (one.sec ?? Infinity) ? other : one);
    const common = {
      id: `sight.${change}`,
      what: NAMES[change],
      values: { pairs: of.map(({ from, to, sec }) => ({ from, to, sec: sec ?? null })) },
    };
    if (unseen.length > 0) {
      const found = `not seen within ${sightLimitSec} s: ${pairsText(unseen)}`;
      return [{ ...common, ...unseenOf(change), found }];
    }
    const sec = worst.sec ?? 0;
    const found = `seen after ${delayText(sec * 1000)} at most (${pairsText([worst])})`;
    // Three looks must fit into a lease, each of which may be so late.
    const needed = Math.ceil(sec * 4 / 60) * 60;
    const isBeat = change === "beat" || change === "changed";
    if (!isBeat || needed <= leaseSec) return [{ ...common, level: "fine", found }];
    return [{
      ...common,
      level: "warning",
      found,
      effect: `a process that lives may seem dead: its lease is ${leaseSec} s`,
      fix: `set leaseSec to ${needed}`,
      settings: [{ path: ["leaseSec"], value: needed }],
    }];
  });
}

function unseenOf(change: Change): Pick<DoctorFinding, "level" | "effect" | "fix"> {
  if (change === "new" || change === "gone") {
    const effect = "furu lists folders before it calls anything missing, and works; other programs may not";
    return { level: "warning", effect, fix: "ask for shorter times of the attribute cache (acdirmax)" };
  }
  const effect = change === "linked"
    ? "claims and results of other machines do not count"
    : "workers and runs on other machines seem dead, or find nothing to do";
  return { level: "wrong", effect, fix: "keep the store on a filesystem that all nodes share (FURU_PATH)" };
}

function pairsText(sights: readonly Sight[]): string {
  return sights.slice(0, 3).map(({ from, to }) => `from ${from} on ${to}`).join(", ") +
    (sights.length > 3 ? ", ..." : "");
}

function queueFindings({ queue, sacctSec }: JobFacts, { squeueIntervalSec }: NodeContext): DoctorFinding[] {
  const findings: DoctorFinding[] = [];
  const { seenSec, goneSec } = queue;
  if (seenSec !== undefined || goneSec !== undefined) {
    const text = (sec: number | null): string =>
      sec === null ? "not in time" : sec < 1 ? "at once" : `after ${delayText(sec * 1000)}`;
    const age = Math.max(seenSec ?? 0, goneSec ?? 0);
    const common = {
      id: "slurm.squeue-age",
      what: "age of squeue's lists",
      found: [
        ...(seenSec === undefined ? [] : [`shows a new job ${text(seenSec)}`]),
        ...(goneSec === undefined ? [] : [`the end of one ${text(goneSec)}`]),
      ].join(", "),
      values: { seenSec, goneSec },
    };
    const isMissing = seenSec === null || goneSec === null;
    // What is asked more often than it changes tells nothing new.
    const needed = Math.ceil(age / 5) * 5;
    if (isMissing || needed > squeueIntervalSec) {
      findings.push({
        ...common,
        level: "warning",
        effect: "what squeue lacks means nothing for so long: furu asks scontrol, about one job at a time",
        fix: isMissing
          ? "ask the administrator how squeue is answered here"
          : `set slurm.squeueIntervalSec to ${needed}`,
        ...(needed > squeueIntervalSec
          ? { settings: [{ path: ["slurm", "squeueIntervalSec"], value: needed }] }
          : {}),
      });
    } else findings.push({ ...common, level: "fine" });
  }
  if (sacctSec !== undefined) {
    findings.push({
      id: "slurm.sacct-lag",
      what: "sacct",
      level: sacctSec === null ? "warning" : "fine",
      found: sacctSec === null
        ? "did not tell in time that a job had ended"
        : `tells that a job has ended after ${delayText(sacctSec * 1000)}`,
      values: { sec: sacctSec },
      ...(sacctSec === null ? { effect: "how jobs ended is known as long as scontrol tells" } : {}),
    });
  }
  return findings;
}
