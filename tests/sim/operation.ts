import type { Fate } from "./faults.ts";
import { type OsCode, osError } from "./os_error.ts";
import type { FileKind, Parked, SimProcess } from "./process.ts";
import type { World } from "./world.ts";

/** Changes, and what a request that is repeated after its answer was lost says. */
const REPEATED: Partial<Record<FileKind, OsCode>> = {
  link: "EEXIST",
  mkdir: "EEXIST",
  "create-new": "EEXIST",
  rename: "ENOENT",
  remove: "ENOENT",
  create: "EIO",
  fill: "EIO",
  sync: "EIO",
};

const MAKES_NAMES: readonly FileKind[] = ["link", "mkdir", "create", "create-new"];

/** Does what was parked; gives what hands its answer, a lost one too, to the process. */
export function perform(world: World, parked: Parked, fate: Fate | undefined): () => void {
  const { process, kind, what } = parked;
  let done = "";
  try {
    if (kind !== undefined) refuse(world, process, kind, what, fate);
    const value = parked.run();
    const repeated = fate === "lost" && kind !== undefined ? REPEATED[kind] : undefined;
    if (repeated !== undefined) {
      world.fates.happened("lost");
      done = `${what}, done, but says: `;
      throw osError(world.random.chance(0.5) ? repeated : "EIO", what);
    }
    world.note(process, what);
    return () => parked.resolve?.(value);
  } catch (error) {
    if (parked.reject === undefined) throw error;
    world.note(process, `${done}${error}`);
    return () => parked.reject?.(error);
  }
}

/** @throws What the scenario says, EIO by fate, or ENOSPC while the disk is full. */
export function refuse(
  world: World,
  process: SimProcess,
  kind: FileKind,
  what: string,
  fate?: Fate,
): void {
  const refused = world.refuse?.(process, kind, what);
  if (refused !== undefined) throw osError(refused, what);
  if (fate === "eio") throw osError("EIO", what);
  if (world.time >= world.fullUntil) return;
  if (kind === "fill" || (MAKES_NAMES.includes(kind) && world.random.chance(0.3))) {
    throw osError("ENOSPC", what);
  }
}
