import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path/join";
import { fromFileUrl } from "@std/path/from-file-url";
import type { DoctorFinding } from "../../../lib/doctor/machine/finding.ts";
import type { Cluster } from "../../slurm/cluster.ts";
import { cachedSqueue, nodesCannotSubmit } from "../../slurm/sites/moods.ts";
import { Site } from "../../slurm/sites/site.ts";
import { describeOnSlurm } from "../../slurm/suite.ts";

const CLI = fromFileUrl(new URL("../../../cli.ts", import.meta.url));

/** A project's folder, and `furu doctor` in it. */
class Project implements Disposable {
  readonly folder: string = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "furu-doctor-test-" }));

  constructor() {
    Deno.writeTextFileSync(join(this.folder, "deno.json"), "{}");
  }

  start(env: Record<string, string>, ...args: string[]): Deno.ChildProcess {
    return new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", CLI, "doctor", "--slurm", ...args],
      cwd: this.folder,
      env: { ...env, FURU_PATH: "" },
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  }

  names(): string[] {
    return [...Deno.readDirSync(this.folder)].map(({ name }) => name).sort();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** Jobs that are left, by their names. */
async function alive(cluster: Cluster): Promise<string[]> {
  const ends = performance.now() + 30_000;
  for (;;) {
    const listed = await cluster.run("squeue", "-h", "-o", "%j %T");
    const jobs = listed.split("\n").filter((line) => line !== "" && !line.endsWith(" COMPLETING"));
    // One that was cancelled is told so a little later.
    if (jobs.length === 0 || performance.now() > ends) return jobs;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describeOnSlurm("furu doctor at a site", (suite) => {
  suite.it(
    "has two nodes tell what they see, finds an old squeue and nodes without sbatch, and sets both",
    async () => {
      using project = new Project();
      using site = new Site(suite.cluster, [cachedSqueue(20), nodesCannotSubmit]);
      Deno.writeTextFileSync(join(project.folder, "furu.json"), '{ "logLevel": "warn" }\n');
      const { code, stdout, stderr } = await project.start(site.env, "--json", "--write").output();
      const text = new TextDecoder().decode(stdout);
      assertEquals(code, 0, text + new TextDecoder().decode(stderr));
      const report: { findings: DoctorFinding[]; settings: unknown; wrote: string } = JSON.parse(text);
      const of = (id: string): DoctorFinding[] => report.findings.filter((finding) => finding.id === id);
      const levels = (id: string): string[] => of(id).map(({ level }) => level);
      assertEquals(levels("node.deno"), ["fine", "fine"]);
      assertEquals(levels("node.submit"), ["warning", "warning"]);
      assertEquals(levels("slurm.squeue-age"), ["warning"]);
      assert(Number(of("slurm.squeue-age")[0]?.values?.seenSec) > 5);
      for (const change of ["new", "listed", "gone", "changed", "beat", "linked"]) {
        const pairs = of(`sight.${change}`)[0]?.values?.pairs as {
          from: string;
          to: string;
          sec: number | null;
        }[];
        // Three machines, each with two others.
        assertEquals(new Set(pairs.map(({ from, to }) => `${from} ${to}`)).size, 6);
        assert(pairs.every(({ sec }) => sec !== null), change);
      }
      const written = JSON.parse(Deno.readTextFileSync(join(project.folder, "furu.json")));
      assertEquals(report.wrote, join(project.folder, "furu.json"));
      assertEquals(written.logLevel, "warn");
      assertEquals(written.slurm.nodesSubmit, false);
      assertEquals(written.slurm.specs, { default: { timeMin: 60 } });
      assert(written.slurm.squeueIntervalSec > 10);
      assertEquals(project.names(), ["deno.json", "furu.json"]);
      assertEquals(await alive(suite.cluster), []);
    },
  );

  suite.it("cancels its job and removes what it made when it is stopped", async () => {
    using project = new Project();
    const child = project.start(suite.cluster.env);
    const out = child.stdout.pipeTo(new WritableStream());
    let said = "";
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      const before = said;
      said += text;
      if (/job \d+ runs on/.test(said) && !/job \d+ runs on/.test(before)) child.kill("SIGINT");
    }
    await out;
    assertEquals((await child.status).code, 130, said);
    assertEquals(project.names(), ["deno.json"]);
    assertEquals(await alive(suite.cluster), []);
  });
});
