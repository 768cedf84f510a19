import type { Disk } from "./disk.ts";
import type { Host } from "./host.ts";
import type { Inode } from "./inode.ts";
import type { World } from "./world.ts";

/** Contents that are older than this reached the disk by themselves, in milliseconds of world time. */
const WRITTEN_BACK_MS = 30_000;

/** Ends all processes of a host, which boots again; what it wrote of late and did not sync is cut short. */
export function powerCut(world: World, host: Host): void {
  for (const inode of inodes(world.disk)) {
    const unsynced = inode.unsynced;
    if (unsynced?.by !== host || unsynced.at < world.time - WRITTEN_BACK_MS || inode.data.length === 0) {
      continue;
    }
    world.disk.setData(inode, inode.data.slice(0, world.random.int(inode.data.length)), host);
    inode.unsynced = undefined;
  }
  host.reboot(world.random.hex(8));
  for (const process of world.processes.filter((one) => one.host === host)) world.crash(process, true);
}

/** Every inode that has a name, each once. */
function inodes(disk: Disk): Set<Inode> {
  const seen = new Set([disk.get("/", "/")]);
  for (const inode of seen) for (const child of inode.entries?.values() ?? []) seen.add(child);
  return seen;
}
