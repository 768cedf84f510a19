import { slurmEnvironment, submitEnvironment } from "../../slurm/client/environment.ts";
import { jobOptions } from "../../slurm/client/job_options.ts";
import { quote } from "../../slurm/client/script.ts";
import type { ParsedSpec } from "../../slurm/client/spec.ts";
import { furuCommand } from "../../worker/command.ts";

/** A shell script that starts furu as a worker is started, as far as its version. */
export function beginScript(): string {
  return `exec timeout 60 ${[...furuCommand(), "--version"].map(quote).join(" ")}\n`;
}

/** What a script that tries to submit from a node is made of. */
export interface SubmitScript {
  /** The name of the job. */
  name: string;
  /** Its resources. */
  spec: ParsedSpec;
  /** The folder of its script and its output. */
  folder: string;
  /** The environment of this process. */
  env: Readonly<Record<string, string>>;
}

/**
 * A shell script that submits a job as a run's worker on a node would, held so that it never begins, and
 * cancels it. Tells each program's exit code, then their words.
 */
export function submitScript({ name, spec, folder, env }: SubmitScript): string {
  const options = jobOptions({
    name,
    spec: { ...spec, timeMin: 1 },
    log: `${folder}/${name}.log`,
    requeue: false,
  });
  const command = ["--parsable", "--hold", `--job-name=${name}`, ...options, `${folder}/held.sh`];
  // The variables of the job itself would change what is submitted.
  const conf = slurmEnvironment(env).SLURM_CONF;
  const own = { ...submitEnvironment(env), ...(conf === undefined ? {} : { SLURM_CONF: conf }) };
  return `
for name in $(env | sed -n 's/^\\(SLURMD\\{0,1\\}_[A-Za-z0-9_]*\\)=.*/\\1/p; s/^\\(SBATCH_[A-Za-z0-9_]*\\)=.*/\\1/p'); do
  unset "$name"
done
${Object.entries(own).map(([key, value]) => `export ${key}=${quote(value)}`).join("\n")}
out=$(timeout 60 sbatch ${command.map(quote).join(" ")} 2>"$0.err"); echo "sbatch=$?"
id=$(printf '%s\\n' "$out" | sed -n 's/^\\([0-9][0-9]*\\)\\(;.*\\)\\{0,1\\}$/\\1/p' | tail -1)
if [ -n "$id" ]; then
  echo "id=$id"
  timeout 60 squeue -h --me >/dev/null 2>>"$0.err"; echo "squeue=$?"
  timeout 60 scontrol show job "$id" >/dev/null 2>>"$0.err"; echo "scontrol=$?"
  timeout 60 scancel "$id" 2>>"$0.err"; echo "scancel=$?"
fi
cat "$0.err"
`;
}
