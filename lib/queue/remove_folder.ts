import { join } from "@std/path/posix/join";
import { privateNameOwner } from "../store/layout.ts";
import { listOrNothing, removeIfThere, type Store } from "../store/store.ts";

/**
 * Removes the folder of a worker, if no task is in it. What a controller has left there that died while it looked (see
 * `refreshQueue`) goes with it.
 *
 * @returns Whether it is gone.
 */
export async function removeFolder({ machine }: Pick<Store, "machine">, dir: string): Promise<boolean> {
  if (await removeIfThere(machine, dir)) return true;
  for (const { name } of await listOrNothing(machine, dir)) {
    if (privateNameOwner(name, machine.self)) await removeIfThere(machine, join(dir, name));
  }
  return await removeIfThere(machine, dir);
}
