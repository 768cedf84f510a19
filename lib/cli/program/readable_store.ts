import { join } from "@std/path/posix/join";
import { FuruError } from "../../core/errors.ts";
import { systemMachine } from "../../core/system/system_machine.ts";
import { resolveConfig } from "../../core/config.ts";
import { Catalog } from "../../catalog/catalog.ts";
import { Store } from "../../store/store.ts";
import type { Engine } from "./engine.ts";

/**
 * The store that commands look into. Nothing is made or written.
 *
 * @param options `mayLack`: one that is not there holds nothing.
 * @throws {FuruError} If there is none.
 */
export async function readableStore(engine: Engine, options: { mayLack?: boolean } = {}): Promise<Store> {
  const root = await engine.root();
  const { leaseSec, heartbeatSec } = resolveConfig();
  const store = new Store(systemMachine(), { root, leaseSec, heartbeatSec });
  if (options.mayLack || await store.machine.files.exists(root)) return store;
  throw new FuruError(`Cannot find a store in ${root}: it is made by the first run (see --root, FURU_PATH)`);
}

/** What there is in that store, for lists of very many artifacts. */
export function catalogOf(store: Store): Catalog {
  return new Catalog(store, { cache: userCacheDir() });
}

/** The folder of this user's caches of furu; nothing where there is none, or it may not be asked for. */
function userCacheDir(): string | undefined {
  const variable = (name: string): string | undefined =>
    Deno.permissions.querySync({ name: "env", variable: name }).state === "granted"
      ? Deno.env.get(name)
      : undefined;
  // As the specification has it, one that is not absolute does not count.
  const cache = variable("XDG_CACHE_HOME");
  if (cache?.startsWith("/")) return join(cache, "furu");
  const home = variable("HOME");
  return home?.startsWith("/") ? join(home, ".cache", "furu") : undefined;
}
