import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { DoctorFinding, Outcomes } from "../../../lib/doctor/machine/finding.ts";
import { cachedAttributesSec, mountOf, parseMounts } from "../../../lib/doctor/machine/mounts.ts";
import { parseLustreQuota, parseQuota } from "../../../lib/doctor/machine/quota.ts";
import type { StoreFacts } from "../../../lib/doctor/machine/store_facts.ts";
import { type StoreContext, storeFindings } from "../../../lib/doctor/machine/store_findings.ts";

const NFS = { at: "/data", type: "nfs4", source: "server:/data", options: ["rw", "hard", "vers=4.2"] };

const GOOD: StoreFacts = {
  place: { root: "/data/store", base: "/data/store", exists: true, mode: 0o755, umask: 0o022, mount: NFS },
  write: {},
  links: { exclusive: true, sameFile: true, counted: true },
  linkLimit: { most: 65_000 },
  exclusive: { refused: true },
  rename: { replaced: true, folder: true },
  touch: { changed: true, granularityMs: 1 },
  sync: { ms: [2, 3, 4] },
  steps: { ms: [1, 1, 2] },
  space: { free: 1e12, size: 2e12, files: 0, freeFiles: 0 },
  quota: {},
  letters: { differ: true },
  unlinked: { readable: true, leaves: [".nfs000000001"] },
  modes: { kept: true },
  clock: { aheadMs: -20, unsureMs: 1 },
};

function found(facts: Partial<StoreFacts> = {}, context: Partial<StoreContext> = {}): DoctorFinding[] {
  const outcomes = Object.fromEntries(
    Object.entries({ ...GOOD, ...facts }).map(([name, value]) => [name, { ok: true, value }]),
  ) as Outcomes<StoreFacts>;
  return storeFindings(outcomes, { leaseSec: 120, heartbeatSec: 40, slurm: false, ...context });
}

function levels(findings: readonly DoctorFinding[]): Record<string, string> {
  return Object.fromEntries(
    findings.filter(({ level }) => level !== "fine").map(({ id, level }) => [id, level]),
  );
}

function settings(findings: readonly DoctorFinding[]): unknown[] {
  return findings.flatMap((finding) =>
    (finding.settings ?? []).map(({ path, value }) => [path.join("."), value])
  );
}

describe("findings about a store", () => {
  it("are fine for a good NFS server, and say each thing once", () => {
    const findings = found();
    assertEquals(levels(findings), {});
    const ids = findings.map(({ id }) => id);
    assertEquals(ids.length, new Set(ids).size);
    assertEquals(settings(findings), []);
  });

  it("call wrong what claims and results cannot do without", () => {
    assertEquals(
      levels(found({
        links: { exclusive: false, sameFile: true, counted: true },
        exclusive: { refused: false },
        rename: { replaced: true, folder: false },
        touch: { changed: true, granularityMs: 60_000 },
      })),
      {
        "store.hard-links": "wrong",
        "store.exclusive-create": "wrong",
        "store.rename": "wrong",
        "store.heartbeat": "wrong",
      },
    );
  });

  it("warn where it works, but not well", () => {
    assertEquals(
      levels(found({
        linkLimit: { most: 32 },
        letters: { differ: false },
        modes: { kept: false },
        unlinked: { readable: false, leaves: [] },
        clock: { aheadMs: 90_000, unsureMs: 1 },
        sync: { ms: [800, 900, 1000] },
        steps: { ms: [200, 300, 400] },
      })),
      {
        "store.link-limit": "warning",
        "store.letters": "warning",
        "store.modes": "warning",
        "store.open-files": "warning",
        "store.clock": "warning",
        "store.sync": "warning",
        "store.speed": "warning",
      },
    );
  });

  it("tell a full disk from one that fills up, in bytes, inodes and quota", () => {
    const full = found({
      space: { free: 1e6, size: 1e12, files: 1e6, freeFiles: 10 },
      quota: { bytes: { used: 10, limit: 10 } },
    });
    assertEquals(levels(full), { "store.space": "wrong", "store.files": "wrong", "store.quota": "wrong" });
    const tight = found({
      space: { free: 1e9, size: 1e12, files: 1e6, freeFiles: 5000 },
      quota: { files: { used: 95, limit: 100 } },
    });
    assertEquals(levels(tight), {
      "store.space": "warning",
      "store.files": "warning",
      "store.quota": "warning",
    });
  });

  it("want a longer lease where attributes are cached for long, or the disk takes long", () => {
    const slow = { ...NFS, options: ["rw", "hard", "acregmax=300"] };
    assertEquals(settings(found({ place: { ...GOOD.place, mount: slow } })), [["leaseSec", 600]]);
    assertEquals(settings(found({ place: { ...GOOD.place, mount: slow } }, { leaseSec: 600 })), []);
    assertEquals(settings(found({ sync: { ms: [1, 2, 30_000] } })), [["leaseSec", 180]]);
  });

  it("warn of filesystems that forget, and of soft mounts", () => {
    for (const [type, options] of [["tmpfs", []], ["overlay", []], ["nfs", ["soft"]]] as const) {
      const place = { ...GOOD.place, mount: { ...NFS, type, options } };
      assertEquals(levels(found({ place })), { "store.filesystem": "warning" }, type);
    }
  });

  it("know how a store is shared", () => {
    const sharing = (mode: number) => levels(found({ place: { ...GOOD.place, mode } }));
    assertEquals(sharing(0o2775), {});
    assertEquals(sharing(0o775), { "store.sharing": "warning" });
    assertEquals(sharing(0o3775), { "store.sharing": "warning" });
  });

  it("say what a store that may only be read is good for, and do not guess the rest", () => {
    const findings = storeFindings({
      place: { ok: true, value: GOOD.place },
      write: { ok: false, error: "Read-only file system (os error 30)", code: "EROFS" },
      links: { ok: false, error: "", skipped: true },
    }, { leaseSec: 120, heartbeatSec: 40, slurm: false });
    assertEquals(levels(findings), { "store.write": "wrong", "store.hard-links": "unknown" });
    assertStringIncludes(
      findings.find(({ id }) => id === "store.write")?.effect ?? "",
      "only commands that read",
    );
  });

  it("call wrong what hangs", () => {
    const [finding] = storeFindings(
      { sync: { ok: false, error: "no answer", hungSec: 20 } },
      { leaseSec: 120, heartbeatSec: 40, slurm: false },
    );
    assertEquals([finding?.level, finding?.found], ["wrong", "no answer within 20 s"]);
  });
});

describe("mounts", () => {
  const text = `
26 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 26 0:44 / /data rw,nosuid shared:1 - nfs4 server:/export\\040one rw,vers=4.2,acregmax=3,acdirmax=30,hard
31 26 0:45 / /data/deep rw - tmpfs none rw
`;
  it("are found by the longest path, whole names only", () => {
    const mounts = parseMounts(text);
    const types = ["/", "/data", "/data/x", "/database", "/data/deep/x"].map((path) =>
      mountOf(path, mounts)?.type
    );
    assertEquals(types, ["ext4", "nfs4", "nfs4", "ext4", "tmpfs"]);
    assertEquals(mountOf("/data", mounts)?.source, "server:/export one");
  });

  it("tell for how long attributes are believed", () => {
    assertEquals(cachedAttributesSec(mountOf("/data", parseMounts(text))!), 30);
    assertEquals(cachedAttributesSec({ options: ["rw"] }), 60);
    assertEquals(cachedAttributesSec({ options: ["noac"] }), 0);
    assertEquals(cachedAttributesSec({ options: ["actimeo=5"] }), 5);
  });
});

describe("quotas", () => {
  it("are read as quota and lfs print them", () => {
    const quota =
      "Disk quotas for user me (uid 1000):\n Filesystem blocks quota limit grace files quota limit grace\n" +
      "server:/home 900* 800 1000 1600000000 40 0 0 0\n";
    assertEquals(parseQuota(quota, "server:/home"), {
      bytes: { used: 921_600, limit: 819_200 },
      files: undefined,
    });
    assertEquals(parseQuota(quota, "other:/home"), {});
    assertEquals(parseLustreQuota(" /lustre/scratch\n   [1024] 0 2048 - 7 10 20 -\n"), {
      bytes: { used: 1_048_576, limit: 2_097_152 },
      files: { used: 7, limit: 10 },
    });
  });
});
