import { join } from "@std/path/join";

/** A node of the test cluster; they all live on this host, told apart by their port. */
export interface ClusterNode {
  name: string;
  partition: string;
  port: number;
  /** How many GPUs it pretends to have. */
  gpus: number;
}

export interface ConfigOptions {
  folder: string;
  /** The folder whose `munge` vouches for its users: its own, or another cluster's. */
  authority: string;
  host: string;
  user: string;
  controllerPort: number;
  nodes: readonly ClusterNode[];
  cpusPerNode: number;
  memoryMb: number;
  /** Lines of more partitions, after the name. */
  overlays: Readonly<Record<string, string>>;
  /** Replace or add to what is below. */
  settings: Readonly<Record<string, string>>;
}

/** The text of `slurm.conf`. */
export function slurmConf(options: ConfigOptions): string {
  const { folder, authority, host, user, nodes } = options;
  const settings: Record<string, string> = {
    ClusterName: "furu",
    SlurmctldHost: `${host}(127.0.0.1)`,
    SlurmctldPort: `${options.controllerPort}`,
    SlurmUser: user,
    SlurmdUser: user,
    AuthType: "auth/munge",
    CredType: "cred/munge",
    // A requeued job begins one second after its old credential has run out: two minutes where this is not set.
    AuthInfo: `socket=${join(authority, "munge", "socket")},cred_expire=5`,
    SlurmctldPidFile: join(folder, "slurmctld.pid"),
    SlurmdPidFile: join(folder, "slurmd-%n.pid"),
    StateSaveLocation: join(folder, "state"),
    SlurmdSpoolDir: join(folder, "spool", "%n"),
    SlurmctldLogFile: join(folder, "logs", "slurmctld.log"),
    SlurmdLogFile: join(folder, "logs", "slurmd-%n.log"),
    SlurmdParameters: "config_overrides",
    ProctrackType: "proctrack/pgid",
    TaskPlugin: "task/none",
    SelectType: "select/cons_tres",
    SelectTypeParameters: "CR_CPU",
    SchedulerParameters: "sched_interval=1,bf_interval=1,sched_min_interval=0,batch_sched_delay=0",
    AccountingStorageType: "accounting_storage/none",
    MpiDefault: "none",
    GresTypes: "gpu",
    ReturnToService: "2",
    SlurmdTimeout: "30",
    // Longer than the grace that a computing process is given to end (5 s), as the default of 30 s is.
    KillWait: "15",
    MailProg: "/bin/true",
    ...options.settings,
  };
  const partitions = [...new Set(nodes.map(({ partition }) => partition))];
  return [
    ...Object.entries(settings).map(([name, value]) => `${name}=${value}`),
    ...nodes.map(({ name, port, gpus }) =>
      `NodeName=${name} NodeHostname=${host} NodeAddr=127.0.0.1 Port=${port} CPUs=${options.cpusPerNode} ` +
      `RealMemory=${options.memoryMb}${gpus > 0 ? ` Gres=gpu:${gpus}` : ""} State=UNKNOWN`
    ),
    ...partitions.map((partition, i) =>
      `PartitionName=${partition} Nodes=${
        nodes.filter((node) => node.partition === partition).map(({ name }) => name).join(",")
      } Default=${i === 0 ? "YES" : "NO"} MaxTime=${i === 0 ? "1-00:00:00" : "4:00:00"} State=UP`
    ),
    ...Object.entries(options.overlays).map(([name, rest]) => `PartitionName=${name} ${rest} State=UP`),
    "",
  ].join("\n");
}

/** The text of `gres.conf`. A GPU without a device file counts as none, so two files stand in that exist anywhere. */
export function gresConf(nodes: readonly ClusterNode[]): string {
  const devices = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random"];
  return nodes.filter(({ gpus }) => gpus > 0)
    .map(({ name, gpus }) => `NodeName=${name} Name=gpu File=${devices.slice(0, gpus).join(",")}\n`).join("");
}
