import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { outcomeOf, type Outcomes } from "../../../lib/doctor/machine/finding.ts";
import { type MachineFacts, machineProbes } from "../../../lib/doctor/machine/machine_facts.ts";
import { machineFindings, permissionFindings } from "../../../lib/doctor/machine/machine_findings.ts";
import { runProgram } from "../../../lib/slurm/client/program.ts";

const GOOD: MachineFacts = {
  deno: { version: "2.9.6", path: "/usr/bin/deno" },
  memory: { heapLimit: 4e9, total: 64e9 },
  processors: { count: 8 },
  proc: { ownStart: true, others: true, boot: true, options: ["rw"] },
  limits: { openFiles: 4096, processes: null, addressSpaceBytes: null },
  temp: { folder: "/tmp", free: 1e11, socket: true },
  programs: { missing: [] },
};

function troubles(facts: Partial<MachineFacts>): Record<string, string> {
  const outcomes = Object.fromEntries(
    Object.entries({ ...GOOD, ...facts }).map(([name, value]) => [name, { ok: true, value }]),
  ) as Outcomes<MachineFacts>;
  return Object.fromEntries(
    machineFindings(outcomes).filter(({ level }) => level !== "fine").map((finding) => [
      finding.id,
      [finding.level, ...(finding.settings ?? []).map(({ path, value }) => `${path}=${value}`)].join(" "),
    ]),
  );
}

describe("findings about a machine", () => {
  it("are fine for a good one, hidepid included", () => {
    assertEquals(troubles({}), {});
    assertEquals(troubles({ proc: { ...GOOD.proc, others: false, options: ["hidepid=invisible"] } }), {});
  });

  it("say what limits it", () => {
    assertEquals(troubles({ deno: { version: "1.46.0", path: "deno" } }), { "deno.version": "wrong" });
    assertEquals(troubles({ deno: { version: "2.3.7", path: "deno" } }), { "deno.version": "wrong" });
    assertEquals(troubles({ deno: { version: "2.4.0", path: "deno" } }), {});
    assertEquals(troubles({ deno: { version: "3.0.0", path: "deno" } }), {});
    assertEquals(troubles({ processors: { count: 64, cgroup: 2 } }), { "machine.processors": "warning" });
    assertEquals(troubles({ limits: { ...GOOD.limits, addressSpaceBytes: 8e9 } }), {
      "machine.limits": "warning",
    });
    assertEquals(troubles({ limits: { ...GOOD.limits, openFiles: 256 } }), { "machine.limits": "warning" });
    assertEquals(troubles({ temp: { folder: "/t", free: 1e11, socket: false, error: "too long" } }), {
      "machine.temp": "wrong",
    });
    assertEquals(troubles({ programs: { missing: ["git"] } }), { "machine.programs": "warning" });
    assertEquals(troubles({ programs: { missing: ["sh"] } }), { "machine.programs": "wrong" });
    assertEquals(troubles({ proc: { ...GOOD.proc, ownStart: false } }), { "machine.proc": "warning" });
  });

  it("set a heap that a cgroup leaves room for", () => {
    assertEquals(troubles({ memory: { heapLimit: 4e9, total: 64e9, cgroup: 2 ** 31 } }), {
      "machine.memory": "warning maxHeapMb=1408",
    });
  });

  it("name permissions that are missing, and what for", () => {
    const [finding] = permissionFindings([
      { flag: "--allow-read", granted: true, need: "reading" },
      { flag: "--allow-run", granted: false, need: "starting" },
    ]);
    assertEquals([finding?.level, finding?.found], ["warning", "without --allow-run"]);
    assertStringIncludes(finding?.effect ?? "", "--allow-run: starting");
  });

  it("are made of what this machine tells", async () => {
    const outcomes = await Promise.all(
      Object.entries(machineProbes).map(async (
        [name, probe],
      ) => [name, await outcomeOf<unknown>(() => probe(runProgram))]),
    );
    const facts = Object.fromEntries(outcomes) as Required<Outcomes<MachineFacts>>;
    assert(facts.deno.ok && facts.deno.value.version === Deno.version.deno);
    assert(facts.memory.ok && facts.memory.value.total > 0 && facts.memory.value.heapLimit > 0);
    assert(facts.proc.ok && facts.proc.value.ownStart && facts.proc.value.boot);
    assert(facts.temp.ok && facts.temp.value.socket);
    assert(facts.programs.ok && !facts.programs.value.missing.includes("sh"));
  });
});
