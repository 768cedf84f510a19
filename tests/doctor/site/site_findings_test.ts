import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { DoctorFinding, Outcomes } from "../../../lib/doctor/machine/finding.ts";
import {
  parseAssociations,
  parseQos,
  parseSitePartitions,
  type SiteFacts,
} from "../../../lib/doctor/site/site_facts.ts";
import { siteFindings } from "../../../lib/doctor/site/site_findings.ts";
import type { SiteContext } from "../../../lib/doctor/site/spec_findings.ts";

const PROGRAMS = Object.fromEntries(
  ["sbatch", "squeue", "scancel", "scontrol", "sinfo", "sacct"].map((name) => [name, `/usr/bin/${name}`]),
);
const CPU = "PartitionName=cpu AllowGroups=ALL AllowAccounts=ALL Default=YES DefaultTime=00:10:00 " +
  "MaxTime=2-00:00:00 State=UP TotalCPUs=8 TotalNodes=4 DefMemPerCPU=2048 MaxMemPerNode=UNLIMITED";

interface Site {
  partitions?: string;
  settings?: Record<string, string>;
  facts?: Outcomes<SiteFacts>;
  context?: Partial<SiteContext>;
}

function found({ partitions = CPU, settings = {}, facts = {}, context = {} }: Site): DoctorFinding[] {
  const all: Outcomes<SiteFacts> = {
    programs: { ok: true, value: { found: PROGRAMS, scripts: [] } },
    settings: {
      ok: true,
      value: new Map(Object.entries({
        ClusterName: "big",
        SLURM_VERSION: "23.11.4",
        MaxArraySize: "1001",
        MaxJobCount: "10000",
        SelectTypeParameters: "CR_CORE_MEMORY",
        ...settings,
      })),
    },
    partitions: { ok: true, value: parseSitePartitions(partitions) },
    limits: { ok: true, value: [] },
    squeue: { ok: true, value: { ms: 80 } },
    accounting: { ok: true, value: { works: true } },
    ...facts,
  };
  return siteFindings(all, { specName: "default", squeueIntervalSec: 10, spec: undefined, ...context });
}

function told(site: Site): { levels: Record<string, string>; settings: Record<string, unknown> } {
  const findings = found(site);
  return {
    levels: Object.fromEntries(
      findings.filter(({ level }) => level !== "fine").map(({ id, level }) => [id, level]),
    ),
    settings: Object.fromEntries(
      findings.flatMap(({ settings = [] }) => settings.map(({ path, value }) => [path.join("."), value])),
    ),
  };
}

function known<T>(value: T): { ok: true; value: T } {
  return { ok: true, value };
}

const TIME = { "slurm.specs.default.timeMin": 60 };

describe("findings about a site", () => {
  it("are fine for a usual one, which needs a spec all the same", () => {
    assertEquals(told({}), { levels: {}, settings: TIME });
    assertEquals(told({ context: { spec: { timeMin: 30 } } }), { levels: {}, settings: {} });
  });

  it("say that there is no Slurm, and nothing else", () => {
    const findings = found({ facts: { programs: { ok: true, value: { found: {}, scripts: [] } } } });
    assertEquals(findings.map(({ id, level, found }) => [id, level, found]), [
      ["slurm.programs", "wrong", "is not installed here"],
    ]);
  });

  it("say once that its controller does not answer", () => {
    const facts: Outcomes<SiteFacts> = {
      settings: { ok: false, error: "scontrol: it did not answer in time" },
      partitions: { ok: false, error: "scontrol: it did not answer in time" },
    };
    assertEquals(told({ facts }).levels, { "slurm.answers": "wrong" });
  });

  it("know when memory must be asked for", () => {
    const without = CPU.replace("DefMemPerCPU=2048", "DefMemPerNode=UNLIMITED");
    const wanted = {
      levels: { "slurm.memory": "warning" },
      settings: { ...TIME, "slurm.specs.default.memGb": 2 },
    };
    assertEquals(told({ partitions: without }), wanted);
    assertEquals(told({ partitions: CPU.replace("2048", "100") }), wanted);
    assertEquals(told({ context: { mustAskMemory: true } }), wanted);
    assertEquals(told({ partitions: without, settings: { SelectTypeParameters: "CR_CORE" } }).levels, {});
    assertEquals(told({ partitions: without, settings: { DefMemPerCPU: "4000" } }).levels, {});
    assertEquals(told({ partitions: without, context: { spec: { memGb: 4 } } }).levels, {});
  });

  it("know the time that partition and account allow", () => {
    const short = CPU.replace("2-00:00:00", "00:30:00");
    assertEquals(told({ partitions: short }), {
      levels: { "slurm.time": "warning" },
      settings: { "slurm.specs.default.timeMin": 30 },
    });
    assertEquals(told({ partitions: short, context: { spec: { timeMin: 31 } } }).levels, {
      "slurm.time": "wrong",
    });
    const limits = known(parseAssociations("physics||||00:20:00\n"));
    assertEquals(told({ facts: { limits } }).settings, { "slurm.specs.default.timeMin": 20 });
    const ofOthers = known(parseQos("debug|||00:20:00\n"));
    assertEquals(told({ facts: { limits: ofOthers } }).settings, TIME);
  });

  it("know which partition jobs go to", () => {
    const noDefault = CPU.replace("Default=YES", "Default=NO");
    assertEquals(told({ partitions: noDefault }), {
      levels: { "slurm.partition": "warning" },
      settings: { ...TIME, "slurm.specs.default.partition": "cpu" },
    });
    assertEquals(told({ partitions: noDefault, context: { partition: "cpu" } }).levels, {});
    assertEquals(told({ context: { spec: { partition: "gpu" } } }).levels, { "slurm.partition": "wrong" });
    assertEquals(told({ partitions: CPU.replace("State=UP", "State=DOWN") }).levels, {
      "slurm.partition": "warning",
    });
  });

  it("choose an account that the partition takes", () => {
    const partitions = CPU.replace("AllowAccounts=ALL", "AllowAccounts=chem,bio");
    const limits = known(parseAssociations("physics||||\nbio||||\n"));
    assertEquals(told({ partitions, facts: { limits } }).settings, {
      ...TIME,
      "slurm.specs.default.account": "bio",
    });
    assertEquals(told({ partitions, facts: { limits }, context: { spec: { account: "bio" } } }).levels, {});
  });

  it("say what limits a pool, and ask a slow squeue less often", () => {
    const limits = known([...parseAssociations("physics||8|4|\n"), ...parseQos("normal|500||\nlong|||\n")]);
    const finding = found({ facts: { limits } }).find(({ id }) => id === "slurm.limits");
    assertStringIncludes(finding?.found ?? "", "account physics: 8 in the queue, 4 running; qos normal: 500");
    assertStringIncludes(finding?.found ?? "", "at most 8 workers");
    assertEquals(told({ facts: { squeue: { ok: true, value: { ms: 6000 } } } }), {
      levels: { "slurm.squeue": "warning" },
      settings: { ...TIME, "slurm.squeueIntervalSec": 60 },
    });
  });
});
