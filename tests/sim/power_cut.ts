import type { Disk } from "./disk.ts";
import type { Host } from "./host.ts";
import type { Inode } from "./inode.ts";
import type { World } from "./world.ts";

/** Contents that are older than this reached the disk by themselves, in milliseconds of world time. */
const WRITTEN_BACK_MS = 30_000;

/** A power cut that has happened. */
export interface PowerCut {
  /** Of one host, of everything, or of the file server; see `Faults`. */
  kind: "powerCut" | "siteCut" | "serverCut";
  /** World time in milliseconds. */
  at: number;
}

/** What each kind does. */
export const CUTS: Readonly<Record<PowerCut["kind"], (world: World, host: Host) => void>> = {
  powerCut,
  siteCut: (world) => {
    loseNames(world);
    loseContents(world, undefined);
    for (const host of world.hosts) die(world, host);
  },
  // What the clients have not seen synced they send again: contents are lost only with the host that wrote them.
  serverCut: loseNames,
};

/** Ends all processes of a host, which boots again; what it wrote of late and did not sync is cut short. */
export function powerCut(world: World, host: Host): void {
  loseContents(world, host);
  die(world, host);
}

/** Cuts short what a host, or any, wrote of late and did not sync. */
function loseContents(world: World, host: Host | undefined): void {
  for (const inode of inodes(world.disk)) {
    const { unsynced } = inode;
    if (unsynced === undefined || (host !== undefined && unsynced.by !== host)) continue;
    if (unsynced.at < world.time - WRITTEN_BACK_MS || inode.data.length === 0) continue;
    // Mostly nothing of it is there: a journal has the name, and the contents come later.
    const left = world.random.chance(0.5) ? 0 : world.random.int(inode.data.length);
    world.disk.setData(inode, inode.data.slice(0, left), unsynced.by);
    inode.unsynced = undefined;
  }
}

function loseNames(world: World): void {
  world.disk.loseNames(world.host("server"), (count) => world.random.int(count + 1));
}

function die(world: World, host: Host): void {
  host.reboot(world.random.hex(8));
  for (const process of world.processes.filter((one) => one.host === host)) world.crash(process, true);
}

/** Every inode that has a name, each once. */
function inodes(disk: Disk): Set<Inode> {
  const seen = new Set([disk.get("/", "/")]);
  for (const inode of seen) for (const child of inode.entries?.values() ?? []) seen.add(child);
  return seen;
}
