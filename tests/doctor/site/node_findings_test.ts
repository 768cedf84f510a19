import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { CHANGES } from "../../../lib/doctor/site/agent_script.ts";
import { clockOffset, parseSeen, parseTimes, sightsOf } from "../../../lib/doctor/site/exchange.ts";
import type { DoctorFinding } from "../../../lib/doctor/machine/finding.ts";
import {
  type JobFacts,
  type NodeFacts,
  parseCode,
  parseInfo,
  parseSubmitTry,
} from "../../../lib/doctor/site/node_facts.ts";
import { type NodeContext, nodeFindings } from "../../../lib/doctor/site/node_findings.ts";

const NODE: NodeFacts = {
  name: "n1",
  info: parseInfo(
    "libc=glibc 2.36\ntmp=/tmp\ntmpFreeKb=90000000\ntmpWritable=yes\naddressSpaceKb=unlimited\n",
  ),
  clock: { aheadSec: 0.02, unsureSec: 0.1 },
  begin: { code: 0, text: "furu 0.1.0 (deno 2.9.6, v8 15, x86_64)" },
  submit: parseSubmitTry("sbatch=0\nid=12\nsqueue=0\nscontrol=0\nscancel=0\n"),
};

function found(facts: Partial<JobFacts>, context: Partial<NodeContext> = {}): DoctorFinding[] {
  const all: JobFacts = {
    silent: [],
    nodes: [NODE],
    sights: [],
    sightLimitSec: 130,
    queue: {},
    left: [],
    ...facts,
  };
  return nodeFindings(all, {
    leaseSec: 120,
    nodesSubmit: true,
    squeueIntervalSec: 10,
    deno: "2.9.6",
    ...context,
  });
}

function told(facts: Partial<JobFacts>, context: Partial<NodeContext> = {}): unknown {
  return found(facts, context).filter(({ level }) => level !== "fine").map((finding) => [
    finding.id,
    finding.level,
    ...(finding.settings ?? []).map(({ path, value }) => `${path.join(".")}=${value}`),
  ]);
}

describe("findings of jobs", () => {
  it("are fine where all works", () => {
    const sights = CHANGES.map((change) => ({ from: "n1", to: "n2", change, sec: 1.5 }));
    assertEquals(told({ sights, submitMs: 200, queue: { seenSec: 0.2, goneSec: 3 }, sacctSec: 1 }), []);
  });

  it("say why furu does not begin on a node", () => {
    const begin = (code: number, text: string) => found({ nodes: [{ ...NODE, begin: { code, text } }] })[0]!;
    const old = begin(
      1,
      "deno: /lib/libc.so.6: version `GLIBC_2.9' not found\nversion `GLIBC_2.28' not found",
    );
    assertEquals([old.level, old.found], ["wrong", "Deno needs glibc 2.28, there is glibc 2.36"]);
    assertStringIncludes(begin(127, "deno: not found").fix ?? "", "furu pack");
    assertStringIncludes(begin(124, "").found, "within 60 s");
  });

  it("say where a node has another Deno than the machine that begins runs", () => {
    const begin = (deno: string) =>
      found({
        nodes: [{ ...NODE, begin: { code: 0, text: `furu 0.1.0 (deno ${deno}, v8 15, x86_64)` } }],
      })[0]!;
    assertEquals([begin("2.9.6").level, begin("2.4.2").level, begin("2.3.7").level], [
      "fine",
      "warning",
      "wrong",
    ]);
    assertStringIncludes(begin("2.4.2").effect!, "Deno 2.9.6");
    assertStringIncludes(begin("2.3.7").effect!, "furu needs Deno 2.4 or later, this is Deno 2.3.7");
  });

  it("set that nodes cannot submit, unless furu.json says so already", () => {
    const submit = parseSubmitTry("sbatch=1\nsbatch: error: Access/permission denied\n");
    const nodes = [{ ...NODE, submit }];
    assertEquals(told({ nodes }), [["node.submit", "warning", "slurm.nodesSubmit=false"]]);
    assertEquals(told({ nodes }, { nodesSubmit: false }), []);
  });

  it("see temporary files, clocks and limits of nodes", () => {
    const info = parseInfo("tmp=/scratch\ntmpFreeKb=\naddressSpaceKb=8000000\n");
    assertEquals(told({ nodes: [{ ...NODE, info, clock: { aheadSec: -90, unsureSec: 0.1 } }] }), [
      ["node.temp", "wrong"],
      ["node.limits", "warning"],
      ["node.clock", "warning"],
    ]);
  });

  it("want a lease in which late heartbeats are seen", () => {
    const sights = [{ from: "n1", to: "n2", change: "beat", sec: 58 } as const];
    assertEquals(told({ sights }), [["sight.beat", "warning", "leaseSec=240"]]);
    assertEquals(told({ sights }, { leaseSec: 240 }), []);
  });

  it("call wrong what other machines never see, but names that are remembered as missing", () => {
    const sights = CHANGES.map((change) => ({ from: "n1", to: "n2", change, sec: undefined }));
    assertEquals(told({ sights }), [
      ["sight.new", "warning"],
      ["sight.listed", "wrong"],
      ["sight.gone", "warning"],
      ["sight.changed", "wrong"],
      ["sight.beat", "wrong"],
      ["sight.linked", "wrong"],
    ]);
  });

  it("ask a squeue no more often than its lists change", () => {
    assertEquals(told({ queue: { seenSec: 29.2, goneSec: 12 } }), [
      ["slurm.squeue-age", "warning", "slurm.squeueIntervalSec=30"],
    ]);
    assertEquals(told({ queue: { seenSec: 29.2 } }, { squeueIntervalSec: 30 }), []);
    assertEquals(told({ queue: { seenSec: null } }), [["slurm.squeue-age", "warning"]]);
    assertEquals(told({ sacctSec: null }), [["slurm.sacct-lag", "warning"]]);
  });

  it("tell jobs that wait from jobs that cannot work, and what sbatch refuses", () => {
    const job = { jobId: "7", state: "PENDING (Priority)", waitedSec: 300, ended: false };
    assertEquals(told({ nodes: [], silent: [job] }), [["slurm.begin", "unknown"]]);
    assertEquals(told({ nodes: [], silent: [{ ...job, state: "FAILED", ended: true }] }), [[
      "slurm.begin",
      "wrong",
    ]]);
    const [refused] = found({
      nodes: [],
      refused: "sbatch refuses it: Invalid account or account/partition",
    });
    assertEquals(refused?.fix, 'set "account" of the spec (slurm.specs in furu.json)');
  });

  it("name what is left behind", () => {
    assertEquals(told({ left: ["jobs named x"] }), [["doctor.left", "warning"]]);
  });
});

describe("delays between machines", () => {
  it("are told whatever their clocks show", () => {
    const offset = clockOffset([
      { askedAt: 100, told: 165, answeredAt: 110 },
      { askedAt: 120, told: 180.1, answeredAt: 120.2 },
    ]);
    assertAlmostEquals(offset?.aheadSec ?? 0, 60, 1e-6);
    assertAlmostEquals(offset?.unsureSec ?? 0, 0.1, 1e-6);
    const sights = sightsOf(
      new Map([["a", parseTimes("new=1000.5\nbeat=1001\n")]]),
      new Map([["b", parseSeen("a new=1063.500000000\na beat=\n")]]),
      new Map([["b", { aheadSec: 60, unsureSec: 0.1 }]]),
    );
    assertEquals(sights.map(({ change, sec }) => [change, sec]), [["new", 3], ["beat", undefined]]);
  });

  it("are not known without an answer", () => {
    assertEquals(clockOffset([{ askedAt: 1, told: NaN, answeredAt: 2 }]), undefined);
  });
});

describe("answers of agents", () => {
  it("are read", () => {
    assertEquals(parseCode("furu 0.1.0\ncode=0\n"), { code: 0, text: "furu 0.1.0" });
    assert(Number.isNaN(parseCode("").code));
    const tried = parseSubmitTry("sbatch=0\nid=12\nscontrol=1\nwords here\ncode=0\n");
    assertEquals([tried.jobId, tried.codes.get("scontrol"), tried.text], ["12", 1, "words here"]);
  });
});
