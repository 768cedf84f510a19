import { JOB_ID_VARIABLE, JOB_NAME_VARIABLE } from "./own_job.ts";
import { ENVIRONMENT_FILE_VARIABLE } from "./environment.ts";

/** A batch script to be written. */
export interface ScriptOptions {
  /**
   * The name that furu gives the job: its processes know it by that, whatever the site makes of it.
   *
   * @default {it is no job of its own but a step of one}
   */
  name?: string | undefined;
  /** One line for people: what the job is for. */
  title: string;
  /** Lines of shell before the worker. */
  setup: readonly string[];
  /** The worker: program and arguments, no shell. */
  command: readonly string[];
  /**
   * Where the environment from before the setup is kept, for a worker that submits jobs itself; the beginning
   * of a path.
   *
   * @default {it is not kept}
   */
  keepsEnvironmentAt?: string | undefined;
  /**
   * A command that ends well wherever the worker's program can begin.
   *
   * @default {not known}
   */
  probe?: readonly string[] | undefined;
}

/** Exit code of a job in which something before the worker failed. */
export const SETUP_EXIT_CODE = 97;

const MARK = "furu: cannot start the worker";

/**
 * The text of a job's batch script. The setup lines run in one shell, so that they can set variables and load
 * modules; the first that fails ends the job, with a line in its log that {@link setupFailure} finds.
 */
export function batchScript(options: ScriptOptions): string {
  const { name, title, setup, command, probe, keepsEnvironmentAt } = options;
  return [
    "#!/bin/bash",
    `# ${title.replaceAll(/\s+/g, " ")}`,
    ...(name === undefined
      ? []
      : [`export ${JOB_NAME_VARIABLE}=${quote(name)} ${JOB_ID_VARIABLE}="$SLURM_JOB_ID"`]),
    "# The warning before the time limit may come before the worker listens to it, and would kill the shell.",
    "trap '' USR1",
    `unset ${ENVIRONMENT_FILE_VARIABLE}`,
    `furu_failed() { rm -f "\${${ENVIRONMENT_FILE_VARIABLE}-}"; echo "${MARK}: $furu_step ended with exit code $1" >&2; trap - EXIT; exit ${SETUP_EXIT_CODE}; }`,
    // Also reached when a setup line calls exit, 0 included: then the worker has not run, and the job has not
    // succeeded.
    "trap 'furu_failed $?' EXIT",
    "# One that is cancelled has not failed.",
    "trap 'trap - EXIT TERM; kill -TERM $$' TERM",
    "# Folders of the submitting machine that are not there on this one.",
    "for furu_name in TMPDIR XDG_RUNTIME_DIR DENO_DIR; do",
    '  if [ -n "${!furu_name-}" ] && [ ! -d "${!furu_name}" ]; then unset "$furu_name"; fi',
    "done",
    ...(keepsEnvironmentAt === undefined || setup.length === 0 ? [] : keepEnvironment(keepsEnvironmentAt)),
    ...setup.flatMap((line, i) => [
      `furu_step=${quote(`setup line ${i + 1} (${shown(line)})`)}`,
      `eval ${quote(line)} || exit`,
    ]),
    ...(probe === undefined ? [] : [
      "# V8 reserves much more virtual memory than it uses, and dies without.",
      'furu_limit=$(ulimit -v); if [ "$furu_limit" != unlimited ]; then',
      "  furu_step=\"Deno cannot begin where virtual memory is limited to $furu_limit kB (ulimit -v), 'ulimit -v unlimited' removes that: it\"",
      `  ${probe.map(quote).join(" ")} >/dev/null 2>&1 || exit`,
      "fi",
    ]),
    `furu_step=${quote(`${shown(command[0] ?? "")}`)}`,
    "shopt -s execfail",
    `exec ${command.map(quote).join(" ")}`,
    "furu_failed $?",
    "",
  ].join("\n");
}

/**
 * Finds the words in a job's log about a failure before its worker began.
 *
 * @returns As `setup line 1 (module load cuda) ended with exit code 1`; `undefined` when it says nothing of
 * the kind.
 */
export function setupFailure(log: string): string | undefined {
  const line = log.split("\n").findLast((each) => each.startsWith(`${MARK}: `));
  return line?.slice(MARK.length + 2);
}

/** Quotes a word for the shell. */
export function quote(word: string): string {
  return /^[A-Za-z0-9_\/.:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** Lines that keep the environment as it is, for nobody but the user: what a worker submits has that. */
function keepEnvironment(place: string): string[] {
  return [
    `furu_env=${quote(place)}."$SLURM_JOB_ID".env`,
    `(umask 077; env -0 > "$furu_env") && export ${ENVIRONMENT_FILE_VARIABLE}="$furu_env"`,
  ];
}

function shown(text: string): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > 100 ? `${line.slice(0, 97)}...` : line;
}
