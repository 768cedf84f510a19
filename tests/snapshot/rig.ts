import { dirname } from "@std/path/dirname";
import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import { toFileUrl } from "@std/path/to-file-url";
import { systemMachine } from "../../lib/core/system/system_machine.ts";
import { snapshotPaths, type SnapshotRef, snapshotUrl } from "../../lib/snapshot/places.ts";
import { takeSnapshot } from "../../lib/snapshot/take_snapshot.ts";
import { Store } from "../../lib/store/store.ts";
import { Rig } from "../rig.ts";

/** Folder of furu's own code. */
export const REPOSITORY: string = fromFileUrl(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** What a project's deno.json says to import furu by its name of the registry. */
export function projectConfig(more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    links: [REPOSITORY],
    ...more,
    imports: { "@furu/furu": "jsr:@furu/furu@^0", ...more.imports as Record<string, string> | undefined },
  });
}

/** A user's project in a folder of its own, with a store. */
export class Project implements AsyncDisposable {
  readonly rig = new Rig();
  /** The project's folder. */
  readonly folder = join(this.rig.folder, "my project");
  /** The store. */
  readonly store = new Store(systemMachine(), { root: this.rig.root, leaseSec: 120, heartbeatSec: 40 });
  /** What was warned of. */
  readonly warnings: string[] = [];

  /** Makes files, by their paths below the project's folder. @returns The path of the first one. */
  write(files: Record<string, string>): string {
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.folder, name);
      Deno.mkdirSync(dirname(path), { recursive: true });
      Deno.writeTextFileSync(path, text);
    }
    return join(this.folder, Object.keys(files)[0]!);
  }

  /** Takes a snapshot of what a module imports. */
  async take(entry: string, modules: string[] = []): Promise<SnapshotRef> {
    const url = (path: string): string => toFileUrl(join(this.folder, path)).href;
    const ref = await takeSnapshot(this.store, {
      entry: url(entry),
      modules: modules.map(url),
      onWarning: (text) => this.warnings.push(text),
    });
    if (ref === undefined) throw new Error(`There is no snapshot of ${entry}`);
    return ref;
  }

  /** Where a file of the project is in a snapshot. */
  placed(ref: SnapshotRef, name: string): string {
    return fromFileUrl(snapshotUrl(this.store.root, ref, toFileUrl(join(this.folder, name)).href));
  }

  /** Runs a module of a snapshot, as a worker would find it. */
  async run(ref: SnapshotRef, name: string): Promise<{ stdout: string; stderr: string }> {
    const { code } = snapshotPaths(this.store.root, ref.id);
    const config = ["deno.json", "deno.jsonc"].map((each) => join(code, each)).find((path) => {
      try {
        return Deno.statSync(path).isFile;
      } catch {
        return false;
      }
    });
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--quiet",
        ...(config ? ["--config", config] : ["--no-config"]),
        this.placed(ref, name),
      ],
      cwd: "/",
      env: { NO_COLOR: "1" },
    }).output();
    return { stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.rig[Symbol.asyncDispose]();
  }
}
