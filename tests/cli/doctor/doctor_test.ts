import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { findingsText } from "../../../lib/cli/doctor/doctor_text.ts";
import type { DoctorFinding } from "../../../lib/doctor/machine/finding.ts";
import { furu } from "../rig.ts";

async function inFolder(body: (folder: string) => Promise<void>): Promise<void> {
  const folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "furu-doctor-test-" }));
  try {
    await body(folder);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function names(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name);
}

describe("furu doctor", () => {
  it("looks at where a store would be made, as JSON, and leaves nothing there", async () => {
    await inFolder(async (folder) => {
      const root = join(folder, "deep", "store");
      const { code, out } = await furu(["doctor", "--json", "--root", root]);
      const report = JSON.parse(out);
      assertEquals([report.root, report.wrote], [root, null]);
      const byId = new Map<string, DoctorFinding>(
        report.findings.map((finding: DoctorFinding) => [finding.id, finding]),
      );
      assertStringIncludes(byId.get("store.place")!.found, `looked at is ${folder}`);
      for (const id of ["store.hard-links", "store.rename", "store.heartbeat", "deno.version"]) {
        assertEquals(byId.get(id)?.level, "fine", id);
      }
      const wrong = report.findings.filter(({ level }: DoctorFinding) => level === "wrong");
      assertEquals(code, wrong.length > 0 ? 1 : 0);
      assertEquals(names(folder), []);
    });
  });

  it("says that nothing can be written, without a guess about the rest", async () => {
    const { code, out } = await furu(["doctor", "--root", "/proc/self/store"]);
    assertEquals(code, 1);
    assertStringIncludes(out, "only commands that read");
    assert(/WRONG +writing/.test(out), out);
    assert(/\? +hard links +not looked at/.test(out), out);
  });

  it("refuses what only jobs have", async () => {
    for (const flag of ["--spec=gpu", "--wait=5"]) {
      const { code, err } = await furu(["doctor", flag]);
      assertEquals(code, 2);
      assertStringIncludes(err, "without --slurm");
    }
  });

  it("shows findings with what to do, in the width of the terminal", () => {
    const findings: DoctorFinding[] = [
      { id: "a", level: "fine", what: "links", found: "work", fix: "not shown" },
      {
        id: "b",
        level: "warning",
        what: "space",
        found: "little",
        effect: "it may be full soon",
        fix: "make room",
      },
    ];
    assertEquals(
      findingsText("store", findings, { color: false, width: 60 }),
      "store\n  ok     links  work\n  warn   space  little\n                it may be full soon\n" +
        "                → make room\n\n",
    );
  });
});
