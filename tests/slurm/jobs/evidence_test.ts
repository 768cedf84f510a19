import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { systemClock } from "../../../lib/core/system/clock.ts";
import { systemMachine } from "../../../lib/core/system/system_machine.ts";
import { SlurmClient } from "../../../lib/slurm/client/client.ts";
import { logPattern, scriptPath } from "../../../lib/slurm/client/job_log.ts";
import { jobOptions } from "../../../lib/slurm/client/job_options.ts";
import { batchScript } from "../../../lib/slurm/client/script.ts";
import { cancelOurs } from "../../../lib/slurm/jobs/cancel_jobs.ts";
import { type JobRef, JobWatch, type KnownJob } from "../../../lib/slurm/jobs/job_watch.ts";
import { listedName } from "../../../lib/slurm/jobs/name_check.ts";
import { checkSpecs } from "../../../lib/slurm/run/check_specs.ts";
import { describeOnSlurm } from "../suite.ts";

describeOnSlurm("evidence on a real Slurm whose site puts wrappers before its programs", (suite) => {
  const spec = checkSpecs({ default: { timeMin: 5 } }).default!;

  /** A client that finds these shell scripts before Slurm's programs, which they call as `$real`. */
  function site(wrappers: Record<string, string>) {
    const folder = Deno.makeTempDirSync({ dir: suite.cluster.folder });
    const path = Deno.env.get("PATH")!;
    for (const [name, text] of Object.entries(wrappers)) {
      const head =
        `#!/bin/bash\nhere='${folder}'; real() { PATH='${path}' ${name} "$@"; }\necho x >>"$here/${name}.calls"\n`;
      Deno.writeTextFileSync(join(folder, name), `${head}${text}\n`, { mode: 0o755 });
    }
    const env = { PATH: `${folder}:${path}`, HOME: folder, ...suite.cluster.env };
    const client = new SlurmClient({ env, clock: systemClock, intervalSec: 0.5 });
    const notices: string[] = [];
    client.notice = (text) => notices.push(text);
    const watch = new JobWatch(systemMachine(), client);
    const count = (name: string) => Deno.readTextFileSync(join(folder, `${name}.calls`)).length / 2;
    return { client, watch, notices, count };
  }

  /** Submits a job as furu does. */
  async function submit(client: SlurmClient, command: string[]): Promise<JobRef & { jobId: string }> {
    const name = `furu-${crypto.randomUUID().slice(0, 13)}`;
    const folder = suite.cluster.folder;
    const script = scriptPath(folder, name);
    await Deno.writeTextFile(script, batchScript({ name, title: name, setup: [], command }));
    const options = jobOptions({ spec, name, log: logPattern(folder, name), requeue: false });
    const job = await client.submit({ script, name, options });
    const listedAs = await listedName(client, name, job);
    return { ...job, name, submitter: systemMachine().self, ...(listedAs === undefined ? {} : { listedAs }) };
  }

  async function until(
    watch: JobWatch,
    ref: JobRef,
    isDone: (known: KnownJob) => boolean,
  ): Promise<KnownJob> {
    const since = performance.now();
    for (;;) {
      const known = await watch.state(ref, { until: "sure" });
      if (isDone(known)) return known;
      assert(performance.now() - since < 30_000, JSON.stringify(known));
      await systemClock.sleep(50);
    }
  }

  const CACHED = `
cached="$here/$(echo "$*" | md5sum | cut -c1-8)"
if [ -z "$(find "$cached" -newermt '-60 seconds' 2>/dev/null)" ]; then real "$@" >"$cached"; fi
cat "$cached"`;

  suite.it(
    "never takes a job for gone because squeue is answered from a cache, and sees its end",
    async () => {
      const { client, watch, count, notices } = site({ squeue: CACHED, scontrol: 'real "$@"' });
      const first = await submit(client, ["true"]);
      await watch.state(first);
      const job = await submit(client, ["sleep", "100"]);
      watch.expect(job);
      const since = performance.now();
      const seen = new Set<string>();
      while (performance.now() - since < 5000) {
        seen.add((await watch.state(job, { until: "sure" })).status);
        await systemClock.sleep(50);
      }
      assertEquals([...seen], ["alive"]);
      assert(count("squeue") <= 8, `${count("squeue")} lists`);
      assertStringIncludes(notices[0] ?? "", "squeue's answers are older than their questions here");
      const done = await cancelOurs(client, watch, [job]);
      assertEquals(done.cancelled, [job]);
      const end = await until(watch, job, ({ status }) => status === "dead");
      assertEquals({ evidence: end.evidence, reason: end.status === "dead" && end.reason }, {
        evidence: "job",
        reason: "cancelled",
      });
    },
  );

  const RENAMES = (drop: string) => `
args=(); for arg; do case "$arg" in --job-name=*) arg="--job-name=site-$RANDOM";; ${drop}) continue;; esac; args+=("$arg"); done
real "\${args[@]}"`;

  for (const [by, drop] of [["comment", "--none"], ["script", "--comment=*"]] as const) {
    suite.it(`follows and cancels jobs that the site renames, by their ${by}, and no other`, async () => {
      const { client, watch, notices } = site({ sbatch: RENAMES(drop) });
      const innocent = await submit(site({}).client, ["sleep", "100"]);
      const job = await submit(client, ["sleep", "100"]);
      const second = await submit(client, ["true"]);
      assert(job.listedAs?.startsWith("site-"));
      assertEquals(notices.length, 1);
      assertStringIncludes(notices[0]!, "this site rewrites the names of jobs");
      await until(watch, job, ({ text }) => text === "RUNNING");
      assertEquals((await until(watch, second, ({ status }) => status === "dead")).text, "COMPLETED");
      // A process that comes later, and knows only what was written down.
      const later = site({});
      const stolen = { ...job, name: "furu-of-somebody-else", listedAs: undefined };
      const wrong = await cancelOurs(later.client, later.watch, [stolen, { ...innocent, name: job.name }]);
      assertEquals({ cancelled: wrong.cancelled, notOurs: wrong.notOurs.length }, {
        cancelled: [],
        notOurs: 2,
      });
      assertEquals((await cancelOurs(later.client, later.watch, [job])).cancelled.length, 1);
      assertEquals((await until(later.watch, job, ({ status }) => status === "dead")).evidence, "job");
      assertEquals(
        (await until(later.watch, innocent, ({ status }) => status !== "unknown")).status,
        "alive",
      );
      await cancelOurs(later.client, later.watch, [innocent]);
    });
  }
});
