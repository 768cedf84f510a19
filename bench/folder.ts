import { join } from "@std/path/join";

/** A folder of which Linux keeps the files in memory; `undefined` where there is none that can be written. */
export function folderInMemory(): string | undefined {
  try {
    Deno.removeSync(Deno.makeTempDirSync({ dir: "/dev/shm", prefix: "furu-bench-" }));
    return "/dev/shm";
  } catch {
    return undefined;
  }
}

/** A temporary folder for one measurement, removed with all that is in it. */
export class Folder implements AsyncDisposable {
  /** Its absolute path. */
  readonly path: string;

  /**
   * @param dir Where it is made.
   * @default {the system's folder for temporary files}
   */
  constructor(dir?: string) {
    this.path = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "furu-bench-", ...dir && { dir } }));
  }

  /** The path of something in it. */
  at(...names: string[]): string {
    return join(this.path, ...names);
  }

  /** Writes a file in it. */
  write(name: string, text: string): void {
    Deno.writeTextFileSync(this.at(name), text);
  }

  /** Makes a folder in it anew: empty, whatever was there. */
  async clear(name: string): Promise<void> {
    await this.remove(name);
    Deno.mkdirSync(this.at(name));
  }

  /** Removes what has that name in it, if anything has. */
  async remove(name: string): Promise<void> {
    try {
      await Deno.remove(this.at(name), { recursive: true });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}
