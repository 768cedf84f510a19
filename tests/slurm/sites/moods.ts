/** The programs of Slurm that furu starts. */
export const PROGRAMS = ["sbatch", "squeue", "scancel", "scontrol", "sacct", "sinfo"] as const;
/** One of {@link PROGRAMS}. */
export type SlurmProgram = typeof PROGRAMS[number];

/**
 * What a site does to Slurm's programs: the body of a shell script for each that it wraps. In it `$next` is the
 * program below (of the next mood, in the end Slurm's own), `$here` a folder of this mood's own, `$real` the folder
 * of all programs as they are below all moods.
 */
export type Mood = Partial<Record<SlurmProgram, string>>;

/** Lines by which a script does something else in a job than on the login node: its own environment says nothing. */
const ON_NODE = `
on_node() {
  p=$PPID
  while [ "\${p:-0}" -gt 1 ]; do
    case $(cat /proc/$p/comm 2>/dev/null) in slurmstepd*) return 0;; esac
    p=$(sed -n 's/^PPid:[[:space:]]*//p' /proc/$p/status 2>/dev/null)
  done
  return 1
}`;

const CONTACT = "Unable to contact slurm controller (connect failure)";

/** Answers of squeue that may be old: by what was asked, or one listing of all that every question is answered from. */
export function cachedSqueue(sec: number, { shared = false } = {}): Mood {
  // The shared one keeps its first answer for all of its time: also the one that was made before our jobs.
  const asked = shared
    ? `for arg; do case "$arg" in --me|--user=*|--name=*|--jobs=*) ;; -j) skip=1;; *) [ "\${skip-}" ] && skip= || set -- "$@" "$arg";; esac; shift; done`
    : "";
  return {
    squeue: `
${asked}
key=$here/$(printf '%s\\n' "$*" | cksum | tr -d ' ')
now=$(date +%s)
at=$(cat "$key.at" 2>/dev/null || echo 0)
if [ $((now - at)) -ge ${sec} ]; then
  if "$next" "$@" >"$key.$$" 2>"$key.err.$$"; then
    mv "$key.$$" "$key"; echo "$now" >"$key.at.$$"; mv "$key.at.$$" "$key.at"; rm -f "$key.err.$$"
  else
    code=$?; cat "$key.$$"; cat "$key.err.$$" >&2; rm -f "$key.$$" "$key.err.$$"; exit $code
  fi
fi
cat "$key"`,
  };
}

/** A program that takes its time. */
export function slow(program: SlurmProgram, sec: number): Mood {
  return { [program]: `sleep ${sec}\n"$next" "$@"` };
}

/** sbatch that answers late, when the job has long been taken. */
export function lateSbatch(sec: number): Mood {
  return { sbatch: `out=$("$next" "$@"); code=$?; sleep ${sec}; echo "$out"; exit $code` };
}

/** sbatch that takes jobs and says nothing, each so-manieth time. */
export function silentSbatch(every = 1): Mood {
  return {
    sbatch: `
until mkdir "$here/lock" 2>/dev/null; do sleep 0.01; done
n=$(($(cat "$here/n" 2>/dev/null || echo 0) + 1)); echo $n >"$here/n"; rmdir "$here/lock"
if [ $((n % ${every})) -eq 0 ]; then "$next" "$@" >/dev/null; else "$next" "$@"; fi`,
  };
}

/** A program that cannot reach the controller while there is a file `down` in the mood's folder, or for so long. */
export function down(program: SlurmProgram, { forSec }: { forSec?: number } = {}): Mood {
  const is = forSec === undefined
    ? "true"
    : `[ $(date +%s) -lt $(($(cat "$here/from" 2>/dev/null || date +%s | tee "$here/from") + ${forSec})) ]`;
  return {
    [program]: `
if ${is}; then echo "slurm_load_jobs error: ${CONTACT}" >&2; exit 1; fi
"$next" "$@"`,
  };
}

/** Notices on both streams, before, between and after the rows. */
export const noisySqueue: Mood = {
  squeue: `
echo "================ NOTICE ================"
echo "Maintenance on Sunday. See https://status.example.org"
echo "squeue: error: slurm_load_users: the cache is a little old" >&2
"$next" "$@" >"$here/out.$$"; code=$?
awk '{ print } NR % 2 == 1 { print "  * quota of /scratch at 91 %" }' "$here/out.$$"
rm -f "$here/out.$$"
echo "-- listing served by login2 --"
exit $code`,
};

/** Another state for each job that runs. */
export function deadRows(state = "COMPLETED"): Mood {
  const padded = state.padEnd(20);
  return { squeue: `"$next" "$@" | sed 's/RUNNING             /${padded}/'` };
}

/** squeue knows only what is not in the list of states: it hides jobs of furu. */
export const blindSqueue: Mood = { squeue: `"$next" "$@" >/dev/null` };

/** sbatch that refuses everything for its first seconds, in these words. */
export function refusing(forSec: number, words: string, only = ""): Mood {
  return {
    sbatch: `
from=$(cat "$here/from" 2>/dev/null || date +%s | tee "$here/from")
case " $* " in *${only}*)
  if [ $(date +%s) -lt $((from + ${forSec})) ]; then echo "sbatch: error: ${words}" >&2; exit 1; fi;;
esac
"$next" "$@"`,
  };
}

/** A limit of jobs in the queue, pending or running; an array counts with all of its tasks. */
export function limited(most: number, only = ""): Mood {
  return {
    sbatch: `
case " $* " in *${only}*) ;; *) exec "$next" "$@";; esac
until mkdir "$here/lock" 2>/dev/null; do sleep 0.02; done
trap 'rmdir "$here/lock"' EXIT
new=1
for arg; do case "$arg" in --array=*) new=$(echo "\${arg#--array=}" | awk -F'[-%:]' '{ print $2 == "" ? 1 : $2 - $1 + 1 }');; esac; done
ids=$(tr '\\n' , <"$here/ids" 2>/dev/null)
n=0
[ -z "$ids" ] || n=$("$real/squeue" -h -r -o %i -j "\${ids}999999999,999999998" | wc -l)
if [ $((n + new)) -gt ${most} ]; then
  echo "sbatch: error: QOSMaxSubmitJobPerUserLimit" >&2
  echo "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy (job submit limit, user's size and/or time limits)" >&2
  exit 1
fi
out=$("$next" "$@"); code=$?
[ $code -ne 0 ] || echo "$out" | sed -n 's/^\\([0-9][0-9]*\\).*/\\1/p' >>"$here/ids"
echo "$out"; exit $code`,
  };
}

/** Names of jobs are the site's own. */
export const renaming: Mood = {
  sbatch: `
for arg; do
  shift
  case "$arg" in --job-name=*) set -- "$@" "--job-name=site-$(id -un)";; *) set -- "$@" "$arg";; esac
done
"$next" "$@"`,
};

/** Text around the id, warnings beside it. */
export const bannered: Mood = {
  sbatch: `
echo "+--------------------------------------+"
echo "| Welcome. Your account: 3141 h left   |"
echo "sbatch: error: your shell has no HOME quota" >&2
"$next" "$@"; code=$?
echo "Docs: https://docs.example.org/jobs/4711"
echo "sbatch: warning: use --time" >&2
exit $code`,
};

/** A program that fails the first times that it is called so. */
export function failsFirst(program: SlurmProgram, args: string, times = 1): Mood {
  return {
    [program]: `
case "$*" in "${args}"*)
  i=1; while [ $i -le ${times} ]; do
    if mkdir "$here/failed$i" 2>/dev/null; then echo "${program}: error: ${CONTACT}" >&2; exit 1; fi
    i=$((i+1))
  done;;
esac
"$next" "$@"`,
  };
}

/** Nodes have no right to submit. */
export const nodesCannotSubmit: Mood = {
  sbatch: `${ON_NODE}
if on_node; then echo "sbatch: error: Batch job submission failed: Access/permission denied" >&2; exit 1; fi
"$next" "$@"`,
};

/** Nodes have no Slurm at all. */
export const nodesWithoutSlurm: Mood = Object.fromEntries(
  PROGRAMS.map((program) => [
    program,
    `${ON_NODE}\nif on_node; then echo "${program}: command not found" >&2; exit 127; fi\n"$next" "$@"`,
  ]),
);

/** What becomes of the first jobs that are taken, in a command where `$id` is the job's. */
function firstJobs(count: number, command: string): Mood {
  return {
    sbatch: `
out=$("$next" "$@"); code=$?
id=$(echo "$out" | sed -n 's/^\\([0-9][0-9]*\\).*/\\1/p' | tail -1)
i=1; while [ -n "$id" ] && [ $i -le ${count} ]; do
  if mkdir "$here/done$i" 2>/dev/null; then ${command}; break; fi
  i=$((i+1))
done
echo "$out"; exit $code`,
  };
}

/** The site cancels the first jobs at once. */
export function cancelledAtOnce(count: number): Mood {
  return firstJobs(count, `"$real/scancel" "$id"`);
}

/** The first jobs are held before they begin, as after a launch that failed, until somebody releases them. */
export function heldFirst(count: number): Mood {
  return firstJobs(
    count,
    `echo "$id" >>"$here/held"; "$real/scontrol" requeuehold "$id" >/dev/null 2>&1 || "$real/scontrol" hold "$id"`,
  );
}
