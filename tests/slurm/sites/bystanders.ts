import { assertEquals } from "@std/assert";
import { delay } from "@std/async/delay";
import type { Cluster } from "../cluster.ts";
import { DEADLINE_MS } from "../pool/cluster_pool_rig.ts";

/** Names of the innocent: one as furu gives them to the jobs of another run, here and in its comment. */
const NAMES = ["train-llama", "furu-0ddba1-default-1", "analysis"];

/** Jobs of somebody else that stand beside a run: two that run, one that waits. Nobody may touch them. */
export class Bystanders implements AsyncDisposable {
  readonly ids: readonly string[];
  readonly #cluster: Cluster;
  readonly #before: readonly string[];

  private constructor(cluster: Cluster, ids: readonly string[], before: readonly string[]) {
    this.#cluster = cluster;
    this.ids = ids;
    this.#before = before;
  }

  /** @param more So many more that wait: they take up ids that a run on another cluster has. */
  static async submit(cluster: Cluster, more = 0): Promise<Bystanders> {
    const ids: string[] = [];
    const submit = async (name: string, ...options: string[]): Promise<void> => {
      const args = ["--parsable", `--job-name=${name}`, "--output=/dev/null", "--no-requeue", "--mem=10"];
      ids.push(await cluster.run("sbatch", ...args, ...options, "--wrap=sleep 900"));
    };
    await submit(NAMES[0]!);
    await submit(NAMES[1]!, `--comment=furu:${NAMES[1]}`);
    await submit(NAMES[2]!, "--begin=now+1hour");
    for (let i = 0; i < more; i++) await submit(`innocent${i}`, "--begin=now+1hour");
    for (const since = performance.now();;) {
      const states = await stateOf(cluster, ids);
      const running = states.filter((line) => line.includes(" RUNNING ")).length;
      if (running === 2 && states.length === ids.length) {
        return new Bystanders(cluster, ids, states);
      }
      if (performance.now() - since > DEADLINE_MS) throw new Error(`the innocent do not run: ${states}`);
      await delay(50);
    }
  }

  /** None of them was cancelled, begun again, held or changed. */
  async assertUntouched(hint = ""): Promise<void> {
    const now = await stateOf(this.#cluster, this.ids);
    const lost = this.#before.filter((line) => !now.includes(line));
    const instead = now.filter((line) => !this.#before.includes(line));
    assertEquals(instead, lost, `jobs of others were touched\n${hint}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cluster.run("scancel", ...this.ids).catch(() => {});
  }
}

/** What Slurm says of each; a job that it does not know any more has no line. */
async function stateOf(cluster: Cluster, ids: readonly string[]): Promise<string[]> {
  const text = await cluster.run(
    "squeue",
    "-h",
    "-a",
    "-r",
    "-t",
    "all",
    "-j",
    [...ids, "999999999"].join(),
    "-O",
    FORMAT,
  );
  return text.split("\n").map((line) => line.trim().replaceAll(/ +/g, " ")).filter((line) => line !== "")
    .sort();
}

const FORMAT = "JobID:12,State:.20,RestartCnt:.10,StartTime:.24,Name:.40,Dependency:.20";
