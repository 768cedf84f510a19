import { FuruError } from "../../core/errors.ts";
import { artifactLabel } from "../../core/hash.ts";
import { table } from "../../ui/table.ts";
import { addPin, readPins, removePins } from "../../tidy/pins.ts";
import { defineCommand } from "../program/command.ts";
import { readableStore } from "../program/readable_store.ts";
import { findReference } from "../roots/find_reference.ts";

/** `furu pin`: keeps artifacts, with what they depend on. */
export const pinCommand = defineCommand({
  args: () => "[HASH [NAME]]",
  arity: () => ({ least: 0, most: 2 }),
  description: [
    "Keeps an artifact and all that it depends on: neither 'furu gc' removes them nor, without --force, " +
    "'furu rm'. Without arguments it lists what is pinned.",
    "NAME is a word that stands for the artifact from now on.",
  ],
  flags: {},
  examples: () => [
    ["4f0c12ab best", "keep an artifact, and call it best"],
    ["", "what is pinned"],
  ],
  async run({ args: [reference, name], globals, io, program, engine }) {
    const store = await readableStore(engine);
    if (reference === undefined) {
      const pins = await readPins(store);
      if (globals.json) io.out(`${JSON.stringify(pins)}\n`);
      else if (pins.length === 0) io.err(`nothing is pinned in ${store.root}\n`);
      else {
        const rows = pins.map(({ pin, name, hash, user, pinnedAt }) => [
          pin === hash ? "" : pin,
          artifactLabel(name, hash),
          user ?? "",
          pinnedAt.slice(0, 10),
        ]);
        io.out(`${table(rows, { head: ["NAME", "ARTIFACT", "BY", "SINCE"], width: io.width }).join("\n")}\n`);
      }
      return 0;
    }
    const found = await findReference({ args: [reference], io, program, engine });
    const isNew = await addPin(store, found, name);
    const label = artifactLabel(found.name, found.hash);
    const pin = name ?? found.hash;
    if (globals.json) io.out(`${JSON.stringify({ pin, name: found.name, hash: found.hash, isNew })}\n`);
    else if (!globals.quiet) {
      const as = name === undefined ? "" : ` as '${name}'`;
      io.out(isNew ? `pinned ${label}${as}\n` : `${label} was pinned${as} before\n`);
    }
    return 0;
  },
});

/** `furu unpin`: ends what `furu pin` began. */
export const unpinCommand = defineCommand({
  args: () => "NAME|HASH",
  arity: () => ({ least: 1, most: 1 }),
  description: [
    "Removes a pin by its name, or all pins of an artifact by its hash. The artifact itself stays.",
  ],
  flags: {},
  examples: () => [
    ["best", "by name"],
    ["4f0c12ab", "all pins of an artifact"],
  ],
  async run({ args: [written = ""], globals, io, engine }) {
    const store = await readableStore(engine);
    // As furu prints an artifact: toy/Train(4f0c12ab).
    const digits = /\(([0-9a-f]+)\)$/i.exec(written)?.[1];
    const removed = await removePins(store, digits ?? written);
    if (removed.length === 0) {
      throw new FuruError(`Cannot find pin '${written}' in ${store.root}: 'furu pin' lists what is pinned`);
    }
    if (globals.json) io.out(`${JSON.stringify({ removed })}\n`);
    else if (!globals.quiet) io.out(removed.map((pin) => `unpinned ${pin}\n`).join(""));
    return 0;
  },
});
