import { StoreError } from "../../core/errors.ts";
import { LAYOUT, layoutFile } from "../layout.ts";
import type { Store } from "../store.ts";

/**
 * Sees to it that a store says which layout it has, before the first claim in it. One of an older furu is
 * used as it is: its records are read as any other.
 *
 * @throws {StoreError} If a newer furu made the store, or the file cannot be read.
 */
export async function checkLayout(store: Store): Promise<void> {
  const path = layoutFile(store.root);
  const text = await store.read(path);
  const layout = text === undefined ? undefined : layoutIn(text);
  if (layout !== undefined && layout > LAYOUT) {
    throw new StoreError(
      `Cannot use store ${store.root}: it has layout ${layout}, this furu knows ${LAYOUT}; a newer ` +
        `furu made it: use that one, or set FURU_PATH to another folder`,
    );
  }
  // One that is torn (a power cut) says nothing, and is in nobody's way.
  if (text !== undefined) return;
  try {
    await store.makeDir(store.root);
    const { writeJson } = await import("../json_file.ts");
    await writeJson(store, path, { layout: LAYOUT });
  } catch {
    // What keeps it from being written keeps the claim from being made, and is told there.
  }
}

/** The number that a store's file says; nothing where it says none. */
function layoutIn(text: string): number | undefined {
  try {
    const { layout } = JSON.parse(text) as { layout?: unknown };
    return Number.isSafeInteger(layout) ? layout as number : undefined;
  } catch {
    return undefined;
  }
}
