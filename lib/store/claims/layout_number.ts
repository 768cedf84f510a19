import { z } from "zod";
import { StoreError } from "../../core/errors.ts";
import { LAYOUT, layoutFile } from "../layout.ts";
import { readJson, writeJson } from "../json_file.ts";
import type { Store } from "../store.ts";

const layoutRecord = z.looseObject({ layout: z.int() });

/**
 * Sees to it that a store says which layout it has, before the first claim in it. One of an older furu is
 * used as it is: its records are read as any other.
 *
 * @throws {StoreError} If a newer furu made the store, or the file cannot be read.
 */
export async function checkLayout(store: Store): Promise<void> {
  const path = layoutFile(store.root);
  const read = await readJson(store, path, layoutRecord);
  if (read !== undefined && "value" in read && read.value.layout > LAYOUT) {
    throw new StoreError(
      `Cannot use store ${store.root}: it has layout ${read.value.layout}, this furu knows ${LAYOUT}; a newer ` +
        `furu made it: use that one, or set FURU_PATH to another folder`,
    );
  }
  // One that is torn (a power cut) says nothing, and is in nobody's way.
  if (read !== undefined) return;
  try {
    await store.makeDir(store.root);
    await writeJson(store, path, { layout: LAYOUT });
  } catch {
    // What keeps it from being written keeps the claim from being made, and is told there.
  }
}
