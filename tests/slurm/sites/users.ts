import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import type { Cluster } from "../cluster.ts";
import { findProgram } from "../cluster_programs.ts";
import { Script, textOf, until } from "../../rig.ts";
import type { Node } from "../../e2e/run_rig.ts";
import type { Start } from "../pool/cluster_pool_rig.ts";

const REPOSITORY = fromFileUrl(new URL("../../..", import.meta.url));
const PIPELINE = "tests/slurm/fixtures_pool/pipeline.ts";
/** Numbers of users and of a group that every Linux has. */
const ALICE = { uid: 1, name: "daemon" };
const BOB = { uid: 65534, name: "nobody" };
const GROUP = 100;

/** Can programs be started here as other users? */
export function canBeOthers(): boolean {
  return Deno.uid() === 0 && findProgram("setpriv") !== undefined;
}

/** Two users who share a store by their group, and run furu as themselves. */
export class TwoUsers implements AsyncDisposable {
  readonly folder: string = Deno.realPathSync(Deno.makeTempDirSync({ prefix: "furu-users-" }));
  readonly root: string = join(this.folder, "scene/store");
  readonly alice: User;
  readonly bob: User;

  private constructor(cluster: Cluster) {
    this.alice = new User(this, cluster, ALICE);
    this.bob = new User(this, cluster, BOB);
  }

  /** Everything that they need is copied to where both can read it. */
  static async make(cluster: Cluster): Promise<TwoUsers> {
    const users = new TwoUsers(cluster);
    const { folder } = users;
    Deno.chmodSync(folder, 0o755);
    Deno.copyFileSync(Deno.realPathSync(Deno.execPath()), join(folder, "deno"));
    for (
      const name of [
        "lib",
        "links",
        "page",
        "mod.ts",
        "cli.ts",
        "deno.json",
        "deno.lock",
        "tests/e2e",
        PIPELINE,
      ]
    ) {
      Deno.mkdirSync(join(folder, "repository", name, ".."), { recursive: true });
      await copy(join(REPOSITORY, name), join(folder, "repository", name));
    }
    const cache = await denoDir();
    const npm = "npm/registry.npmjs.org";
    for (const { name } of [ALICE, BOB]) {
      for (const each of lockedPackages()) {
        Deno.mkdirSync(join(folder, name, npm, each, ".."), { recursive: true });
        await copy(join(cache, npm, each), join(folder, name, npm, each));
      }
    }
    Deno.mkdirSync(join(folder, "scene"));
    await run("chown", "-R", `${ALICE.uid}`, join(folder, ALICE.name));
    await run("chown", "-R", `${BOB.uid}`, join(folder, BOB.name));
    await run("chmod", "-R", "a+rX", folder);
    await run("chgrp", `${GROUP}`, join(folder, "scene"));
    Deno.chmodSync(join(folder, "scene"), 0o2775);
    for (const name of ["starts", "runs"]) {
      Deno.writeTextFileSync(join(folder, "scene", name), "");
      Deno.chmodSync(join(folder, "scene", name), 0o666);
    }
    return users;
  }

  /** Says what `furu run` is to run. */
  writeRoots(roots: readonly Node[]): void {
    this.write("roots.json", JSON.stringify(roots));
  }

  write(name: string, text = ""): void {
    Deno.writeTextFileSync(join(this.folder, "scene", name), text);
  }

  /** Starts of tasks, whoever's workers made them. */
  starts(): Start[] {
    const lines = textOf(join(this.folder, "scene/starts")).split("\n").filter((line) => line !== "");
    return lines.map((line): Start => JSON.parse(line));
  }

  /** What workers printed, for messages. */
  logs(): string {
    const logs = [...this.#logs(join(this.root, "slurm"))];
    return logs.map((path) => `--- ${path.slice(this.root.length)}\n${textOf(path)}`).join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const user of [this.alice, this.bob]) await user[Symbol.asyncDispose]();
    // Processes of jobs that were cancelled may just be writing.
    await until(() => {
      try {
        Deno.removeSync(this.folder, { recursive: true });
      } catch { /* once more */ }
      return textOf(join(this.folder, "deno")) === "";
    }, "the folder is removed");
  }

  *#logs(dir: string): Generator<string> {
    let entries: Deno.DirEntry[] = [];
    try {
      entries = [...Deno.readDirSync(dir)];
    } catch { /* nobody printed anything */ }
    for (const { name, isDirectory } of entries) {
      if (isDirectory) yield* this.#logs(join(dir, name));
      else if (!name.endsWith(".sh")) yield join(dir, name);
    }
  }
}

/** One of the two. */
export class User implements AsyncDisposable {
  readonly name: string;
  readonly #users: TwoUsers;
  readonly #cluster: Cluster;
  readonly #uid: number;
  readonly #scripts: Script[] = [];

  constructor(users: TwoUsers, cluster: Cluster, { uid, name }: { uid: number; name: string }) {
    this.#users = users;
    this.#cluster = cluster;
    this.#uid = uid;
    this.name = name;
  }

  /** `furu` as this user. */
  furu(...args: string[]): Script {
    const { folder, root } = this.#users;
    const repository = join(folder, "repository");
    const deno = [join(folder, "deno"), "run", "-A", "--quiet", "--config", join(repository, "deno.json")];
    const command = [...deno, join(repository, "cli.ts"), ...args];
    const child = new Deno.Command("setpriv", {
      args: [
        `--reuid=${this.#uid}`,
        `--regid=${GROUP}`,
        "--clear-groups",
        "sh",
        "-c",
        'umask 002; exec "$@"',
        "sh",
        ...command,
      ],
      cwd: join(folder, "scene"),
      clearEnv: true,
      env: {
        ...this.#cluster.env,
        PATH: Deno.env.get("PATH") ?? "/usr/bin:/bin",
        HOME: join(folder, this.name),
        DENO_DIR: join(folder, this.name),
        USER: this.name,
        SCENE: join(folder, "scene"),
        FURU_PATH: root,
        FURU_RECORD_GIT: "ignore",
        FURU_LEASE_SECS: "5",
        FURU_POLL_INTERVAL_SECS: "0.5",
        NO_COLOR: "1",
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const script = new Script(child);
    this.#scripts.push(script);
    return script;
  }

  /** `furu run` of what is in `roots.json`. */
  run(...flags: string[]): Script {
    return this.furu("run", join(this.#users.folder, "repository", PIPELINE), "--slurm", ...flags);
  }

  /** Jobs of this user that have not ended. */
  async jobs(): Promise<string[]> {
    const rows = await this.#cluster.run("squeue", "-h", "-r", `--user=${this.name}`, "-o", "%i %T %j");
    return rows.split("\n").filter((row) => row !== "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const script of this.#scripts) await script[Symbol.asyncDispose]();
    await this.#cluster.run("scancel", `--user=${this.name}`).catch(() => {});
    const since = performance.now();
    while ((await this.jobs()).length > 0 && performance.now() - since < 30_000) {
      await new Promise((r) => setTimeout(r, 100));
    }
  }
}

async function denoDir(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json"] }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

async function run(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args }).output();
  if (!success) throw new Error(`${program} ${args}: ${new TextDecoder().decode(stderr)}`);
}

function copy(from: string, to: string): Promise<void> {
  return run("cp", "-r", from, to);
}

/** Deno wants all packages of the lock as soon as it needs one. */
function lockedPackages(): string[] {
  const { npm } = JSON.parse(Deno.readTextFileSync(join(REPOSITORY, "deno.lock")));
  return [...new Set(Object.keys(npm).map((name) => name.replace(/(?<=.)@.*$/, "")))];
}
