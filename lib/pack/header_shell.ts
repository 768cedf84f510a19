/** Finds where the program is unpacked, if it is. */
export const FIND: string = `
furu_fail() { printf '%s\\n' "furu: $1" >&2; exit 1; }
furu_damaged() { furu_fail "Cannot start $furu_file as it is damaged ($1): copy it again, or make it again with 'furu pack'"; }
# Where it may be unpacked, the first that works. Calls "$1" with each folder until that succeeds.
furu_each() {
  case \${FURU_CACHE_DIR-} in "~" | "~/"*) if [ -n "\${HOME-}" ]; then FURU_CACHE_DIR=$HOME\${FURU_CACHE_DIR#?}; fi ;; esac
  if [ -n "\${FURU_CACHE_DIR-}" ]; then "$1" "$FURU_CACHE_DIR"; return; fi
  # In a Slurm job TMPDIR is the job's own on many sites, and at some /tmp as well: unpacked there it would be again for
  # every job. What lasts comes first.
  if [ -z "\${SLURM_JOB_ID-}" ] && [ -n "\${TMPDIR-}" ]; then "$1" "$TMPDIR" && return; fi
  if ! furu_of_job /tmp; then "$1" /tmp && return; fi
  if [ -n "\${XDG_CACHE_HOME-}" ]; then "$1" "$XDG_CACHE_HOME" && return; fi
  if [ -n "\${HOME-}" ]; then "$1" "$HOME/.cache" && return; fi
  if [ -n "\${SLURM_JOB_ID-}" ] && [ -n "\${TMPDIR-}" ]; then "$1" "$TMPDIR" && return; fi
  furu_of_job /tmp && "$1" /tmp
}
# Is "$1" mounted for this Slurm job alone? Then what is mounted there is a folder named by the job's id.
furu_of_job() {
  if [ -z "\${SLURM_JOB_ID-}" ]; then return 1; fi
  while read -r furu_x furu_x furu_x furu_root furu_point furu_x; do
    if [ "$furu_point" = "$1" ]; then
      case $furu_root/ in */"$SLURM_JOB_ID"/* | */"$SLURM_JOB_ID".* | *."$SLURM_JOB_ID"/*) return 0 ;; esac
    fi
  done 2>/dev/null <"\${furu_mounts:-/proc/self/mountinfo}"
  return 1
}
# Nobody else's folder is ever trusted, whatever is in it.
furu_name() {
  case $1 in /*) furu_base=$1/furu-$furu_uid ;; *) furu_base=$PWD/$1/furu-$furu_uid ;; esac
  furu_deno=$furu_base/deno-$furu_deno_key
  furu_code=$furu_base/code-$furu_code_key
}
furu_own() { [ -d "$furu_base" ] && [ ! -h "$furu_base" ] && [ -O "$furu_base" ]; }
furu_there() {
  furu_name "$1"
  [ -f "$furu_code/complete" ] && [ -f "$furu_deno/complete" ] && [ -x "$furu_deno/deno" ] && furu_own
}`;

/** Unpacks, once on a machine. */
export const UNPACK: string = `
# Unpacks below folder "$1". What goes wrong is kept in furu_why: the next folder may do.
furu_unpack() {
  furu_name "$1"
  mkdir -p "$1" 2>/dev/null
  mkdir -m 700 "$furu_base" 2>/dev/null
  if [ ! -d "$furu_base" ]; then furu_cannot "it cannot be made"; return 1; fi
  if ! furu_own; then furu_cannot "somebody else made it"; return 1; fi
  chmod 700 "$furu_base" 2>/dev/null
  furu_unit deno "$furu_deno" && furu_unit code "$furu_code"
}
furu_cannot() { furu_why="$furu_why
  $furu_base: $1"; }
# Makes folder "$2" by furu_make_$1: one process of this machine does, others wait for it as long as it gets on with it;
# across machines the first one that is complete stays. Anything left by a process that was killed is removed by the next.
furu_unit() {
  furu_lock=$furu_base/.$1-\${2##*-}-$furu_host
  furu_waited=0
  furu_seen=
  while [ ! -f "$2/complete" ]; do
    if mkdir "$furu_lock" 2>/dev/null; then
      furu_done=1
      if echo "$$" >"$furu_lock/pid"; then
        # By a name of its own: whoever is taken for stuck and goes on does not meet what the next one makes.
        furu_new=$furu_lock/new-$$
        mkdir "$furu_new" && "furu_make_$1" "$furu_new" && furu_mine && : >"$furu_new/complete" && furu_publish "$2"
        furu_done=$?
        # Somebody else's is what counts now.
        if ! furu_mine; then continue; fi
      fi
      rm -rf "$furu_lock"
      if [ "$furu_done" != 0 ]; then return 1; fi
    elif [ ! -d "$furu_lock" ]; then
      if [ ! -w "$furu_base" ]; then furu_cannot "it cannot be written"; return 1; fi
      furu_waited=$((furu_waited + 1))
      if [ "$furu_waited" -gt 1000 ]; then furu_cannot "$furu_lock cannot be made"; return 1; fi
    else
      furu_read_holder
      if furu_dead || furu_stuck; then
        if furu_old=$(mktemp -d "$furu_base/.old-XXXXXXXX"); then
          mv "$furu_lock" "$furu_old" 2>/dev/null
          rm -rf "$furu_old"
        else
          rm -rf "$furu_lock" # full
        fi
        furu_waited=0
        furu_seen=
      else
        sleep 0.1
        furu_waited=$((furu_waited + 1))
      fi
    fi
  done
}
furu_read_holder() {
  furu_holder=
  { read -r furu_holder <"$furu_lock/pid"; } 2>/dev/null
}
furu_mine() {
  furu_read_holder
  [ "$furu_holder" = "$$" ]
}
# Only one may say so of a process, and nobody of the one that has come in its place meanwhile.
furu_dead() {
  if [ -z "$furu_holder" ] || kill -0 "$furu_holder" 2>/dev/null; then return 1; fi
  furu_gone=$furu_holder
  mkdir "$furu_lock/dead-$furu_gone" 2>/dev/null || return 1
  furu_read_holder
  if [ "$furu_holder" = "$furu_gone" ]; then return; fi
  rm -rf "$furu_lock/dead-$furu_gone"
  return 1
}
# A process of that number may be another one by now: half a minute without any change, or 3 s where no number is known.
furu_stuck() {
  if [ "$furu_waited" -lt 30 ] || [ -n "$furu_holder" ] && [ "$furu_waited" -lt 300 ]; then return 1; fi
  furu_before=$furu_seen
  furu_seen=$(ls -lnR "$furu_lock" 2>/dev/null | sha256sum)
  furu_waited=0
  [ "$furu_seen" = "$furu_before" ]
}
furu_publish() {
  mv -T "$furu_new" "$1" 2>/dev/null && return
  [ -f "$1/complete" ] && return
  # A part of it is gone, as what cleans up temporary folders leaves it.
  mv -T "$1" "$furu_lock/old" && mv -T "$furu_new" "$1"
}
furu_piece() { tail -c "+$(($1 + 1))" "$furu_file" | head -c "$2" >"$3"; }
# Is file "$1" of "$2" bytes with digest "$3"? "$4" is what it is.
furu_check() {
  furu_sum=$(sha256sum <"$1")
  if [ "\${furu_sum%% *}" = "$3" ]; then return; fi
  furu_length=$(wc -c <"$1")
  if [ "$((furu_length))" != "$2" ]; then furu_cannot "$4 cannot be written there"; return 1; fi
  rm -rf "$furu_lock"
  furu_damaged "the digest of $4 is not what it was"
}`;

/** Unpacks it where it is missing. */
export const START: string = `
if [ -n "$furu_missing" ]; then
  furu_why=
  furu_host=
  { read -r furu_host </proc/sys/kernel/hostname; } 2>/dev/null
  # Process numbers mean nothing in another container.
  furu_host=$furu_host-$(readlink /proc/self/ns/pid 2>/dev/null | tr -dc 0-9)
  furu_each furu_unpack || furu_fail "Cannot unpack $furu_file, FURU_CACHE_DIR may name a folder for it:$furu_why"
  PATH=$furu_path
fi`;

/** Finds the configuration that holds for what is run. */
export const CONFIG: string = `
# The user's own configuration, with what is embedded added to it: that of module "$1", if it has one.
furu_for() {
  case $1 in /*) furu_at=$1 ;; *) furu_at=$PWD/$1 ;; esac
  while [ -n "$furu_at" ]; do
    furu_at=\${furu_at%/*}
    for furu_its in "$furu_at/deno.json" "$furu_at/deno.jsonc"; do
      if [ -f "$furu_its" ]; then
        furu_config=$furu_code/config$furu_its
        if [ ! "$furu_config" -nt "$furu_its" ]; then
          "$furu_deno/deno" run --allow-all --quiet --no-lock --cached-only --config "$furu_code/deno.json" \\
            "$furu_code/@MERGE@" "$furu_its" "$furu_config" "$furu_code/deno.json" || exit 1
        fi
        return
      fi
    done
  done
}
# The module that a command names: the first argument that is a file with code in it.
furu_scan() {
  for furu_arg; do
    furu_arg=\${furu_arg#file://}
    # What follows the last # names an export, unless it is part of the file's name.
    if [ ! -f "$furu_arg" ]; then furu_arg=\${furu_arg%#*}; fi
    case $furu_arg in
      *.ts | *.tsx | *.mts | *.js | *.jsx | *.mjs)
        if [ -f "$furu_arg" ]; then furu_for "$furu_arg"; return; fi ;;
    esac
  done
}`;
