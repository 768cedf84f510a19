import { join } from "@std/path/join";

/** A row of squeue as `queueRow` of the other fake makes it, in shell. */
const ROW = `printf '%-12s%-12s%-20s%-8s%-12s%-128s%-128s%-64s\\n'`;

const PROGRAMS: Readonly<Record<string, string>> = {
  // Holds its answer back while there is a file named `hold-sbatch-<how many it has taken>`.
  sbatch: `
for arg; do case "$arg" in --job-name=*) name=\${arg#--job-name=};; esac; done
n=100
until mkdir "$here/jobs/$n" 2>/dev/null; do n=$((n+1)); done
if [ -e "$here/refuse-from" ] && [ "$n" -ge "$(cat "$here/refuse-from")" ]; then
  rmdir "$here/jobs/$n"; echo "sbatch: error: Batch job submission failed: Invalid account" >&2; exit 1
fi
if [ -e "$here/limit-from" ] && [ "$n" -ge "$(cat "$here/limit-from")" ]; then
  rmdir "$here/jobs/$n"; echo "sbatch: error: QOSMaxSubmitJobPerUserLimit" >&2; exit 1
fi
echo PENDING >"$here/jobs/$n/state"; echo "$name" >"$here/jobs/$n/name"
while [ -e "$here/hold-sbatch-$n" ]; do sleep 0.02; done
echo "$n"`,
  squeue: `
for arg; do case "$arg" in --name=*) only=\${arg#--name=};; esac; done
for job in "$here"/jobs/*/name; do
  [ -e "$job" ] || continue
  name=$(cat "$job"); job=\${job%/name}
  [ -z "\${only-}" ] || [ "$only" = "$name" ] || continue
  ${ROW} "\${job##*/}" N/A "$(cat "$job/state")" 0 "$(id -u)" "(null)" "$name" None
done`,
  scancel: `
if [ -e "$here/refuse-scancel" ]; then echo "scancel: error: Unable to contact slurm controller" >&2; exit 1; fi
for id; do [ ! -e "$here/jobs/$id" ] || echo CANCELLED >"$here/jobs/$id/state"; done`,
  sinfo: `
while [ -e "$here/hold-sinfo" ]; do touch "$here/sinfo-waits"; sleep 0.02; done
echo 'all*|infinite|2|4|4000|(null)'`,
  scontrol: `
if [ "$2" = config ]; then
  echo 'AccountingStorageType = accounting_storage/none'; echo 'ClusterName = fake'; exit
fi
for only; do :; done; found=
for job in "$here"/jobs/*/name; do
  [ -e "$job" ] || continue
  name=$(cat "$job"); job=\${job%/name}; id=\${job##*/}
  [ "$only" = -o ] || [ "$only" = "$id" ] || continue
  found=1
  echo "JobId=$id JobName=$name UserId=me($(id -u)) GroupId=me(0) JobState=$(cat "$job/state") Reason=None Restarts=0"
done
[ -n "$found" ] || [ "$only" != -o ] || echo 'No jobs in the system'
[ -n "$found" ] || [ "$only" = -o ] || { echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1; }`,
};

/**
 * Slurm's programs as shell scripts in a folder, for tests of whole processes: jobs are folders there, and never begin.
 */
export class FakePrograms {
  /** Environment by which they are found before any others. */
  readonly env: Record<string, string>;
  readonly #here: string;

  /** @param folder An empty folder; made when it is not there. */
  constructor(folder: string) {
    this.#here = folder;
    Deno.mkdirSync(join(folder, "jobs"), { recursive: true });
    for (const [name, script] of Object.entries(PROGRAMS)) {
      const text = `#!/bin/sh\nhere='${folder}'\necho "${name} $*" >>"$here/calls"\n${script.trim()}\n`;
      Deno.writeTextFileSync(join(folder, name), text, { mode: 0o755 });
    }
    this.env = { PATH: `${folder}:${Deno.env.get("PATH") ?? "/usr/bin:/bin"}` };
  }

  /** Makes a file that the programs look at. */
  put(name: string, text = ""): void {
    Deno.writeTextFileSync(join(this.#here, name), text);
  }

  /** Removes such a file. */
  remove(name: string): void {
    Deno.removeSync(join(this.#here, name));
  }

  /** Is it there? */
  has(name: string): boolean {
    try {
      Deno.statSync(join(this.#here, name));
      return true;
    } catch {
      return false;
    }
  }

  /** States of all jobs, by id. */
  states(): Record<string, string> {
    const jobs = [...Deno.readDirSync(join(this.#here, "jobs"))].map(({ name }) => name).sort();
    return Object.fromEntries(
      jobs.map((id) => [id, Deno.readTextFileSync(join(this.#here, "jobs", id, "state")).trim()]),
    );
  }
}
