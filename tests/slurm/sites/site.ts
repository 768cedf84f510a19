import { join } from "@std/path/join";
import type { Cluster } from "../cluster.ts";
import { findProgram } from "../cluster_programs.ts";
import { type Mood, PROGRAMS, type SlurmProgram } from "./moods.ts";

/** One call of a program of Slurm, as furu made it. */
export interface Call {
  /** Seconds of the clock. */
  at: number;
  /** The process that called. */
  by: number;
  program: SlurmProgram;
  args: string;
}

/** A job or an array that Slurm took from furu. */
export interface Taken {
  at: number;
  jobId: string;
  /** The number of jobs in it. */
  count: number;
  args: string;
}

/**
 * Slurm's programs as a site has them: scripts in a folder that stands first on PATH, which do what the site's moods
 * say and then call the real ones. Every call is written down.
 */
export class Site implements Disposable {
  readonly folder: string;
  /** The environment of those who work here. */
  readonly env: Record<string, string>;

  /** @param moods The first is what furu meets first. */
  constructor(cluster: Pick<Cluster, "env">, moods: readonly Mood[]) {
    this.folder = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "furu-site-" }));
    // Jobs of other users write into it, too.
    Deno.chmodSync(this.folder, 0o777);
    const real = join(this.folder, "real");
    const layers: [string, Mood][] = [
      ["bin", recorded()],
      ...moods.map((mood, i): [string, Mood] => [`mood${i + 1}`, mood]),
      ["taken", { sbatch: TAKEN }],
    ];
    this.#makeFolder(real);
    for (const program of PROGRAMS) {
      let next = findProgram(program)!;
      Deno.symlinkSync(next, join(real, program));
      for (const [layer, scripts] of layers.toReversed()) {
        const body = scripts[program];
        if (body === undefined) continue;
        const here = join(this.folder, layer);
        const path = join(here, program);
        this.#makeFolder(here);
        const head = `#!/bin/sh\nhere='${here}'\nnext='${next}'\nreal='${real}'\n`;
        Deno.writeTextFileSync(path, `${head}${body.trim()}\n`);
        Deno.chmodSync(path, 0o755);
        next = path;
      }
    }
    for (const name of ["bin/calls", "taken/jobs"]) {
      Deno.writeTextFileSync(join(this.folder, name), "");
      Deno.chmodSync(join(this.folder, name), 0o666);
    }
    this.env = { ...cluster.env, PATH: `${join(this.folder, "bin")}:${Deno.env.get("PATH")}` };
  }

  /** All calls so far, in their order. */
  calls(program?: SlurmProgram): Call[] {
    return rows(join(this.folder, "bin/calls")).map(([at = "", by = "", program = "", args = ""]) => ({
      at: Number(at),
      by: Number(by),
      program: program as SlurmProgram,
      args,
    })).filter((call) => program === undefined || call.program === program);
  }

  /** All that Slurm has taken, whatever furu heard of it. */
  taken(): Taken[] {
    return rows(join(this.folder, "taken/jobs")).flatMap(([at = "", jobId = "", args = ""]) =>
      jobId === "" ? [] : [{ at: Number(at), jobId, count: arraySize(args), args }]
    );
  }

  /** Makes a file in a mood's folder. */
  put(mood: number, name: string, text = ""): void {
    Deno.writeTextFileSync(join(this.folder, `mood${mood}`, name), text);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }

  #makeFolder(path: string): void {
    Deno.mkdirSync(path, { recursive: true });
    Deno.chmodSync(path, 0o777);
  }
}

const TAKEN = `
out=$("$next" "$@"); code=$?
id=$(echo "$out" | sed -n 's/^\\([0-9][0-9]*\\).*/\\1/p' | tail -1)
[ -z "$id" ] || printf '%s\\t%s\\t%s\\n' "$(date +%s.%N)" "$id" "$*" >>"$here/jobs"
[ -z "$out" ] || echo "$out"
exit $code`;

function recorded(): Mood {
  return Object.fromEntries(PROGRAMS.map((program) => [
    program,
    `printf '%s\\t%s\\t%s\\t%s\\n' "$(date +%s.%N)" "$PPID" ${program} "$*" >>"$here/calls"\nexec "$next" "$@"`,
  ]));
}

function rows(path: string): string[][] {
  return Deno.readTextFileSync(path).split("\n").filter((line) => line !== "").map((line) =>
    line.split("\t")
  );
}

/** The number of jobs that `--array=0-9`, `--array=4` or none of it makes. */
function arraySize(args: string): number {
  const [, first, last] = /--array=(\d+)(?:-(\d+))?/.exec(args) ?? [];
  return last === undefined ? 1 : Number(last) - Number(first) + 1;
}
