/** The kinds of changes that one machine makes and others wait to see. */
export const CHANGES = ["new", "listed", "gone", "changed", "beat", "linked"] as const;
/** One of {@link CHANGES}. */
export type Change = typeof CHANGES[number];

/**
 * A program for `/bin/sh` that does on a machine what files in a shared folder tell it to: `NAME.go.N` holds
 * the order number N of the agent NAME, `NAME.out.N` will hold its answer. It is no program of Deno, so that
 * it works, and tells, where Deno does not. It ends when it is told to, when the folder is gone, and at last
 * when its time is up.
 *
 * Arguments: the folder, its own name, its seconds.
 */
export const AGENT_SCRIPT: string = `
dir=$1 me=$2 ends=$(($(date +%s) + $3))
cd -- "$dir" || exit 96

# A name that was looked for is remembered as missing for a while: only lists are asked.
has() { ls -a "$1" 2>/dev/null | grep -qxF -e "$2"; }
opened() { stat -L -c "$1" /proc/self/fd/0 <"$2" 2>/dev/null; }

order_clock() { date +%s.%N; }

order_info() {
  now=$(date +%s.%N); : >"stamp.$me"
  echo "stamp=$now $(stat -c %.Y "stamp.$me")"
  echo "host=$(uname -n)"
  echo "node=\${SLURMD_NODENAME:-}"
  echo "job=\${SLURM_JOB_ID:-}"
  echo "kernel=$(uname -r) $(uname -m)"
  echo "libc=$(getconf GNU_LIBC_VERSION 2>/dev/null || echo unknown)"
  echo "cpus=$(nproc 2>/dev/null)"
  echo "filesystem=$(stat -f -c %T . 2>/dev/null)"
  tmp=\${TMPDIR:-/tmp}
  echo "tmp=$tmp"
  echo "tmpFreeKb=$(df -Pk "$tmp" 2>/dev/null | awk 'NR == 2 { print $4 }')"
  if (: >"$tmp/.furu-doctor-$$") 2>/dev/null; then echo tmpWritable=yes; rm -f "$tmp/.furu-doctor-$$"; fi
  echo "addressSpaceKb=$(ulimit -v)"
  echo "openFiles=$(ulimit -n)"
  if [ -r /proc/1/stat ]; then echo procOthers=yes; fi
  echo "git=$(command -v git)"
}

order_prepare() {
  for kind in ${CHANGES.join(" ")}; do mkdir -p "m.$me/$kind"; done
  for kind in gone changed beat linked; do : >"m.$me/$kind/x"; done
  touch -d @1000000000 "m.$me/beat/x"
}

order_act() {
  m=m.$me
  echo "new=$(date +%s.%N)"; : >"$m/new/x"
  echo "listed=$(date +%s.%N)"; : >"$m/listed/x"
  echo "gone=$(date +%s.%N)"; rm -f "$m/gone/x"
  echo "changed=$(date +%s.%N)"; echo more >>"$m/changed/x"
  echo "beat=$(date +%s.%N)"; touch "$m/beat/x"
  echo "linked=$(date +%s.%N)"; ln "$m/linked/x" "$m/linked/y"
}

# Looks at what another one does until all of it is seen, or for so many seconds.
look() {
  m=m.$1 until=$(($(date +%s) + $2))
  new= listed= gone= changed= beat= linked= 
  beat0=$(opened %Y "$m/beat/x")
  [ -e "$m/new/x" ]; [ -e "$m/gone/x" ]; stat -c %s "$m/changed/x" >/dev/null; has "$m/listed" x
  : >"$me.looks.$1"
  while :; do
    seen=
    [ -n "$new" ] || { [ -e "$m/new/x" ] && seen="$seen new"; }
    [ -n "$listed" ] || { has "$m/listed" x && seen="$seen listed"; }
    [ -n "$gone" ] || [ -e "$m/gone/x" ] || seen="$seen gone"
    [ -n "$changed" ] || { [ "$(stat -c %s "$m/changed/x" 2>/dev/null)" = 5 ] && seen="$seen changed"; }
    [ -n "$beat" ] || { [ "$(opened %Y "$m/beat/x")" != "$beat0" ] && seen="$seen beat"; }
    [ -n "$linked" ] || { [ "$(opened %h "$m/linked/x")" = 2 ] && seen="$seen linked"; }
    now=$(date +%s.%N)
    for kind in $seen; do eval "$kind=\\$now"; done
    case "$new/$listed/$gone/$changed/$beat/$linked" in /*|*//*|*/) ;; *) break;; esac
    [ "\${now%.*}" -lt "$until" ] || break
    sleep 0.1
  done
  for kind in ${CHANGES.join(" ")}; do eval "echo \\"$1 $kind=\\$$kind\\""; done >"seen.$me.$1"
}

order_watch() {
  seconds=$1; shift
  for other; do look "$other" "$seconds" >/dev/null 2>&1 & done
  for other; do
    until has . "$me.looks.$other" || [ "$(date +%s)" -ge "$ends" ]; do sleep 0.05; done
  done
}

order_collect() { wait; cat "seen.$me."* 2>/dev/null; }

order_run() { sh "./$1" </dev/null 2>&1; echo "code=$?"; }

n=0
while [ -d "$dir" ] && [ "$(date +%s)" -lt "$ends" ]; do
  if has . "$me.go.$n"; then
    set -- $(cat "$me.go.$n")
    what=$1; shift
    # No pipe: what goes on in the background would hold it open.
    if [ "$what" = end ]; then : >".$me.out"; else "order_$what" "$@" >".$me.out" 2>&1 </dev/null; fi
    mv ".$me.out" "$me.out.$n"
    [ "$what" != end ] || exit 0
    n=$((n + 1))
  else
    sleep 0.1
  fi
done
`;
