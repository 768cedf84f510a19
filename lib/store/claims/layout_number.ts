import { z } from "zod";
import { StoreError } from "../../core/errors.ts";
import { LAYOUT, layoutFile } from "../layout.ts";
import { linkJson } from "../json_file.ts";
import type { Store } from "../store.ts";

const layoutRecord = z.looseObject({ layout: z.int() });

/**
 * Sees to it that a store says which layout it has, before the first claim in it. One of an older furu is used
 * as it is: its records are read as any other.
 *
 * @throws {StoreError} If a newer furu made the store, or the file cannot be read.
 */
export async function checkLayout(store: Store): Promise<void> {
  const path = layoutFile(store.root);
  for (let turn = 0; turn < 2; turn++) {
    const text = await store.read(path);
    if (text === undefined) {
      await store.makeDir(store.root);
      if (await linkJson(store, path, { layout: LAYOUT })) return;
      continue;
    }
    const known = layoutOf(text);
    // One that is torn (a power cut) says nothing, and is in nobody's way.
    if (known === undefined || known <= LAYOUT) return;
    throw new StoreError(
      `Cannot use store ${store.root}: it has layout ${known}, this furu knows ${LAYOUT}; a newer furu made it: ` +
        `use that one, or set FURU_PATH to another folder`,
    );
  }
}

function layoutOf(text: string): number | undefined {
  try {
    const parsed = layoutRecord.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data.layout : undefined;
  } catch {
    return undefined;
  }
}
