import { FuruError } from "../../core/errors.ts";
import { systemMachine } from "../../core/system/system_machine.ts";
import { resolveConfig } from "../../core/config.ts";
import { Catalog } from "../../catalog/catalog.ts";
import { userCacheDir } from "../../store/index_files.ts";
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
