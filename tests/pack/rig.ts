import { dirname } from "@std/path/dirname";
import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import { pack } from "../../lib/pack/pack.ts";
import { type Ended, Script } from "../rig.ts";
import { compileScript, makeFuru, OLD_DENO_VERSION } from "./old_deno.ts";

/** Where the pipelines are that are made one file here. */
export const FIXTURES: string = fromFileUrl(new URL("./fixtures", import.meta.url));

/** All that a program in one file may need of the machine it runs on, besides `/bin/sh`. */
const COREUTILS = "cat chmod head id ls mkdir mktemp mv readlink rm sha256sum sleep tail tr wc".split(" ");
const SLURM = "sbatch scancel scontrol sinfo squeue srun".split(" ");

/** How a program in one file is started. */
export interface StartOptions {
  /** More variables; one that is `undefined` is taken out. */
  env?: Record<string, string | undefined>;
  /** @default the rig's folder */
  cwd?: string;
  /** The program. @default furu itself */
  file?: string;
}

/** Programs in one file, in a folder of their own, and an environment as on a machine that has nothing of ours. */
export class ProgramRig implements AsyncDisposable {
  readonly #scripts: Script[] = [];

  private constructor(
    /** All files of the tests. */
    readonly folder: string,
    /** `furu` in one file. */
    readonly furu: string,
    /** The pipeline of `fixtures/pipeline.ts` in one file. */
    readonly pipeline: string,
    /** The version of Deno that is in them. */
    readonly deno: string,
  ) {}

  /** By `furu pack`; takes some seconds. */
  static async packed(): Promise<ProgramRig> {
    const rig = await ProgramRig.#make(Deno.version.deno);
    await pack({ output: rig.furu });
    const include = [join(FIXTURES, "note.txt")];
    await pack({ output: rig.pipeline, pipeline: join(FIXTURES, "pipeline.ts"), include });
    return rig;
  }

  /** By `deno compile`: as `deno task compile` does it for furu, and a user for a script of theirs. */
  static async compiled(): Promise<ProgramRig> {
    const rig = await ProgramRig.#make(OLD_DENO_VERSION);
    await makeFuru(rig.furu);
    await compileScript(join(FIXTURES, "pipeline.ts"), rig.pipeline, [join(FIXTURES, "note.txt")]);
    return rig;
  }

  static async #make(deno: string): Promise<ProgramRig> {
    const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "furu-one-file-" }));
    const programs = join(folder, "my programs");
    const rig = new ProgramRig(folder, join(programs, "furu"), join(programs, "pipeline"), deno);
    await Deno.mkdir(programs);
    await Deno.mkdir(join(folder, "bin"));
    for (const name of [...COREUTILS, ...SLURM]) {
      const path = find(name);
      if (path !== undefined) await Deno.symlink(path, join(folder, "bin", name));
    }
    return rig;
  }

  /** A program that nobody has unpacked yet, not even into /tmp, where a person may have started an earlier one. */
  async packUnique(): Promise<string> {
    const output = join(this.folder, "my programs", crypto.randomUUID());
    const include = [this.write("unique/note.txt", crypto.randomUUID())];
    await pack({ output, pipeline: join(FIXTURES, "pipeline.ts"), include });
    return output;
  }

  /** A new folder for what is unpacked; not made yet. */
  freshCache(): string {
    return join(Deno.makeTempDirSync({ dir: this.folder, prefix: "cache-" }), "not yet made");
  }

  /** A folder that most tests share, so that only the first one unpacks. */
  get cache(): string {
    return join(this.folder, "cache");
  }

  /** The environment: coreutils, and addresses of registries at which nobody answers. */
  env(more: Record<string, string | undefined> = {}): Record<string, string> {
    const all: Record<string, string | undefined> = {
      PATH: join(this.folder, "bin"),
      FURU_CACHE_DIR: this.cache,
      FURU_RECORD_GIT: "ignore",
      NPM_CONFIG_REGISTRY: "http://127.0.0.1:9/",
      JSR_URL: "http://127.0.0.1:9/",
      HTTPS_PROXY: "http://127.0.0.1:9/",
      HTTP_PROXY: "http://127.0.0.1:9/",
      ...more,
    };
    return Object.fromEntries(
      Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined),
    );
  }

  /** Starts a program. */
  start(
    args: readonly string[],
    { env = {}, cwd = this.folder, file = this.furu }: StartOptions = {},
  ): Script {
    const child = new Deno.Command(file, {
      args: [...args],
      clearEnv: true,
      env: this.env(env),
      cwd,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const script = new Script(child);
    this.#scripts.push(script);
    return script;
  }

  /** Runs a program to its end. */
  async run(args: readonly string[], options: StartOptions = {}): Promise<Ended> {
    return await this.start(args, options).ended();
  }

  /** Makes a file and its folder. @returns its path. */
  write(name: string, text: string): string {
    const path = join(this.folder, name);
    Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeTextFileSync(path, text);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const script of this.#scripts) await script[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** The names below the folder of this user in a cache. */
export function unpacked(cache: string): string[] {
  return [...Deno.readDirSync(join(cache, `furu-${Deno.uid()}`))].map(({ name }) => name).sort();
}

function find(name: string): string | undefined {
  for (const folder of ["/usr/bin", "/bin", "/usr/local/bin", "/opt/slurm/bin"]) {
    try {
      return Deno.realPathSync(join(folder, name));
    } catch {
      // In another one.
    }
  }
  return undefined;
}
