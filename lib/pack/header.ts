import { quote } from "../slurm/client/script.ts";
import { PACKED_MODULE_FLAG, START_OPTIONS } from "../worker/command.ts";
import { CONFIG, FIND, START, UNPACK } from "./header_shell.ts";

/** A piece of the file. */
export interface Piece {
  /** Its offset, in bytes from the beginning of the file. */
  offset: number;
  /** Its length in bytes. */
  length: number;
  /** Its SHA-256 as 64 hex digits. */
  sha256: string;
}

/** Options of {@link headerText}. */
export interface HeaderOptions {
  /** One line for people. */
  title: string;
  /** Bytes of the whole file. */
  size: number;
  /** Bytes of this part. */
  length: number;
  /** The code that unpacks the archive. */
  unpacker: Piece;
  /** The code. */
  archive: Piece;
  /** Deno. */
  deno: Piece;
  /** The registry whose packages are embedded. */
  registry: string;
  /** Paths below the unpacked folder. */
  paths: {
    /** The configuration. */
    config: string;
    /** Deno's cache. */
    cache: string;
    /** Runs before anything else. */
    boot: string;
    /** The main module. */
    main: string;
    /** The main module for furu's own hidden commands. */
    program: string;
    /** Merges the user's configuration with this one. */
    merge: string;
    /** The user's pipeline, where there is one. */
    pipeline?: string | undefined;
  };
}

/**
 * The shell part: finds what an earlier start unpacked, or unpacks, and becomes Deno. Only sh and coreutils
 * are used, and a start that finds everything runs two small programs before it does.
 */
export function headerText(options: HeaderOptions): string {
  const { title, size, length, unpacker, archive, deno, registry, paths } = options;
  const key = (piece: Piece): string => piece.sha256.slice(0, 20);
  return [
    "#!/bin/sh",
    // First of all, so that a file that was cut off says so.
    'furu_now=$(PATH=$PATH:/usr/bin:/bin; id -u; wc -c <"$0")',
    `[ "\${furu_now##*[!0-9]}" = ${size} ] || { echo "furu: Cannot start $0 as it is damaged (it has \${furu_now##*[!0-9]} bytes` +
    ` where ${size} are needed): copy it again, or make it again with 'furu pack'" >&2; exit 1; }`,
    `# ${title.replaceAll(/\s+/g, " ")}. One file: the rest of it is no text.`,
    "furu_uid=${furu_now%%[!0-9]*}",
    "furu_file=$0",
    "case $furu_file in /*) ;; *) furu_file=$PWD/$furu_file ;; esac",
    "# A path that says the same from any folder.",
    'case $furu_file in */./* | */../*) furu_file=$(cd -- "${furu_file%/*}" && pwd)/${furu_file##*/} ;; esac',
    // Other machines may see what a link points to, and not the link.
    'if [ -h "$furu_file" ]; then furu_file=$(PATH=$PATH:/usr/bin:/bin; readlink -f -- "$furu_file"); fi',
    `furu_deno_key=${key(deno)}`,
    `furu_code_key=${key(archive)}`,
    FIND,
    checkShell(length),
    UNPACK,
    ...makers({ unpacker, archive, deno, cache: paths.cache }),
    START,
    paths.pipeline === undefined ? CONFIG : "",
    'if [ -n "${DENO_DIR+set}" ]; then export FURU_PACKED_DENO_DIR="$DENO_DIR"; fi',
    'if [ -n "${NPM_CONFIG_REGISTRY+set}" ]; then export FURU_PACKED_REGISTRY="$NPM_CONFIG_REGISTRY"; fi',
    // A home that cannot be read would keep Deno from starting, and registries named there are none of its
    // business.
    'if [ -n "${HOME+set}" ]; then export FURU_PACKED_HOME="$HOME"; fi',
    'export HOME="$furu_base"',
    `export FURU_PACKED="$furu_file" DENO_DIR="$furu_code/${paths.cache}" DENO_NO_UPDATE_CHECK=1`,
    `export NPM_CONFIG_REGISTRY=${quote(`https://${registry}/`)}`,
    ...(paths.pipeline === undefined
      ? [
        `furu_config=$furu_code/${paths.config}`,
        `case \${1-} in ${PACKED_MODULE_FLAG}=*) furu_for "\${1#*=}"; shift ;; *) furu_scan "$@" ;; esac`,
        `furu_main=${paths.main}`,
      ]
      : [
        `furu_config=$furu_code/${paths.config}`,
        `export FURU_PACKED_PIPELINE=${quote(paths.pipeline)}`,
        // Furu's own ways to start it never run a script that may not call main().
        `case "\${FURU_COMPUTE+compute} \${1-} \${2-}" in "compute "* | " job "* | " worker --run") furu_main=${paths.program} ;; *) furu_main=${
          quote(paths.main)
        } ;; esac`,
      ]),
    'exec "$furu_deno/deno" run --allow-all --quiet --no-lock --cached-only --config "$furu_config" \\',
    `  --preload "$furu_code/${paths.boot}" ${START_OPTIONS.join(" ")} "$furu_code/$furu_main" "$@"`,
    'furu_fail "Cannot start $furu_deno/deno"',
    "",
  ].join("\n").replace("@MERGE@", paths.merge);
}

/** Before anything is unpacked, and before most of the shell part is even read by the shell. */
function checkShell(length: number): string {
  return `
if ! furu_each furu_there; then
  furu_path=\${PATH-}
  PATH=$PATH:/usr/bin:/bin
  furu_sum=$(head -c ${length} "$furu_file" | sha256sum)
  [ "\${furu_sum%% *}" = "$(tail -c 64 "$furu_file")" ] || furu_damaged "the digest of its shell part is not what it was"
  furu_missing=1
else
  furu_missing=
fi`;
}

function makers(
  { unpacker, archive, deno, cache }:
    & Pick<HeaderOptions, "unpacker" | "archive" | "deno">
    & { cache: string },
): string[] {
  return [
    "furu_make_deno() {",
    `  furu_piece ${deno.offset} ${deno.length} "$1/deno"`,
    `  furu_check "$1/deno" ${deno.length} ${deno.sha256} "Deno" || return 1`,
    '  chmod 755 "$1/deno"',
    '  if [ ! -x "$1/deno" ]; then furu_cannot "programs cannot be run there"; return 1; fi',
    "}",
    "furu_make_code() {",
    `  furu_piece ${unpacker.offset} ${unpacker.length} "$1.mjs"`,
    `  furu_check "$1.mjs" ${unpacker.length} ${unpacker.sha256} "the code that unpacks" || return 1`,
    `  mkdir -p "$1/${cache}"`,
    `  DENO_DIR="$1/${cache}" "$furu_deno/deno" run --allow-all --quiet --no-lock --no-config --cached-only \\`,
    `    "$1.mjs" "$furu_file" ${archive.offset} ${archive.length} ${archive.sha256} "$1"`,
    "  case $? in",
    "    0) ;;",
    '    3) rm -rf "$furu_lock"; furu_damaged "the digest of the code is not what it was" ;;',
    '    *) furu_cannot "its code cannot be unpacked there"; return 1 ;;',
    "  esac",
    "}",
  ];
}
