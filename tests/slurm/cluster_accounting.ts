import { join } from "@std/path/join";
import { delay } from "@std/async/delay";
import { findProgram, runProgram } from "./cluster_programs.ts";

const PROGRAMS = ["mariadbd", "mariadb-install-db", "slurmdbd", "sacctmgr", "sacct"];

/** Is all there that a cluster with accounting needs (Debian's mariadb-server and slurmdbd)? */
export function accountingAvailable(): boolean {
  return PROGRAMS.every((name) => findProgram(name) !== undefined);
}

/** What a cluster's accounting is started with. */
export interface AccountingOptions {
  /** The cluster's folder, in which `munge` listens already. */
  folder: string;
  user: string;
  host: string;
  /** Of the database, and of the daemon that writes into it. */
  ports: { database: number; daemon: number };
}

/** Lines of `slurm.conf` for a cluster whose jobs are accounted for, with the folder that its `munge` is in. */
export function accountingSettings(folder: string, daemonPort: number): Record<string, string> {
  return {
    AccountingStorageType: "accounting_storage/slurmdbd",
    AccountingStorageHost: "127.0.0.1",
    AccountingStoragePort: `${daemonPort}`,
    // Programs that ask the accounting do not read AuthInfo.
    AccountingStoragePass: join(folder, "munge", "socket"),
  };
}

/**
 * Starts a database of its own and Slurm's daemon for it; it takes about two seconds.
 *
 * @throws when one of them does not answer within 20 s.
 */
export async function startAccounting(
  { folder, user, host, ports }: AccountingOptions,
  env: Record<string, string>,
): Promise<void> {
  const database = join(folder, "database");
  const data = [`--datadir=${join(database, "data")}`, `--user=${user}`];
  Deno.mkdirSync(database, { mode: 0o755 });
  await runProgram("mariadb-install-db", ["--no-defaults", ...data, "--skip-test-db"]);
  const init = join(database, "init.sql");
  Deno.writeTextFileSync(
    init,
    "CREATE USER 'slurm'@'127.0.0.1' IDENTIFIED BY 'slurm';\nGRANT ALL ON *.* TO 'slurm'@'127.0.0.1';\n",
  );
  await startDetached(findProgram("mariadbd")!, [
    "--no-defaults",
    ...data,
    `--init-file=${init}`,
    `--socket=${join(database, "socket")}`,
    `--pid-file=${join(database, "pid")}`,
    `--log-error=${join(folder, "logs", "mariadbd.log")}`,
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    `--port=${ports.database}`,
    // Nothing of it is to survive the host.
    "--innodb-flush-log-at-trx-commit=0",
  ]);
  await listening(ports.database);
  // It finds its file beside slurm.conf, and refuses one that others can read.
  Deno.writeTextFileSync(join(folder, "slurmdbd.conf"), daemonConf({ folder, user, host, ports }), {
    mode: 0o600,
  });
  await runProgram("slurmdbd", [], env);
  await listening(ports.daemon);
}

function daemonConf({ folder, user, host, ports }: AccountingOptions): string {
  const settings = {
    DbdHost: host,
    DbdAddr: "127.0.0.1",
    DbdPort: `${ports.daemon}`,
    SlurmUser: user,
    AuthType: "auth/munge",
    AuthInfo: `socket=${join(folder, "munge", "socket")}`,
    StorageType: "accounting_storage/mysql",
    StorageHost: "127.0.0.1",
    StoragePort: `${ports.database}`,
    StorageUser: "slurm",
    StoragePass: "slurm",
    StorageLoc: "slurm",
    LogFile: join(folder, "logs", "slurmdbd.log"),
    PidFile: join(folder, "slurmdbd.pid"),
  };
  return Object.entries(settings).map(([name, value]) => `${name}=${value}\n`).join("");
}

/** A daemon that does not go into the background by itself; it is no child of ours, as the others are not. */
async function startDetached(program: string, args: string[]): Promise<void> {
  await runProgram("sh", ["-c", 'setsid "$@" >/dev/null 2>&1 &', "sh", program, ...args]);
}

async function listening(port: number): Promise<void> {
  const since = performance.now();
  for (;;) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch (error) {
      if (performance.now() - since > 20_000) throw error;
      await delay(20);
    }
  }
}
