import { assertEquals } from "@std/assert";
import { join } from "@std/path/join";
import { DagRig, reportOf } from "./dag_rig.ts";
import { describeOnSlurm } from "../suite.ts";

/** Keeps each answer of squeue for so many seconds, as sites do. */
const CACHED_SEC = 15;

describeOnSlurm("DAG mode where squeue answers from a cache", (suite) => {
  suite.it("computes a diamond, and calls nothing dead that an old list lacks", async () => {
    await using rig = new DagRig(suite.cluster);
    const bin = join(rig.folder, "bin");
    Deno.mkdirSync(bin);
    const real = Deno.env.get("PATH")!;
    Deno.writeTextFileSync(
      join(bin, "squeue"),
      `#!/bin/sh
key='${bin}'/cache-$(printf '%s' "$*" | cksum | tr ' ' -)
age=$(($(date +%s) - $(stat -c %Y "$key" 2>/dev/null || echo 0)))
[ "$age" -lt ${CACHED_SEC} ] || { PATH='${real}' squeue "$@" >"$key.$$" && mv "$key.$$" "$key"; }
cat "$key"
`,
      { mode: 0o755 },
    );
    const leaf = { id: "leaf", does: ["touch runs", "await go"] };
    const root = { id: "root", needs: [{ id: "a", needs: [leaf] }, { id: "b", needs: [leaf] }] };
    const script = rig.start([root], { env: { PATH: `${bin}:${real}` } });
    await rig.there("runs");
    rig.touch("go");
    const { summary, error } = await reportOf(script);
    assertEquals(
      { error, failures: summary?.failures, notRun: summary?.notRun, computed: summary?.computed },
      {
        error: undefined,
        failures: [],
        notRun: 0,
        computed: 4,
      },
    );
    assertEquals(rig.created(), ["a", "b", "leaf", "root"]);
    assertEquals(rig.leftovers(), []);
  });
});
