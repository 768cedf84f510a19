import { join } from "@std/path/join";

/** A temporary folder for one measurement, removed with all that is in it. */
export class Folder implements AsyncDisposable {
  /** Its absolute path. */
  readonly path: string = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "furu-bench-" }));

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
