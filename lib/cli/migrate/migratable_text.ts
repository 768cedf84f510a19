import type { Hash } from "../../core/hash.ts";
import { ARTIFACT, type Artifact } from "../../task/artifact/artifact.ts";
import { withAllBelow } from "../../task/artifact/reference.ts";
import { plural } from "../../ui/text.ts";
import type { CommandInput } from "../program/command.ts";
import { readableStore } from "../program/readable_store.ts";

/**
 * A line that says how many of the artifacts that are to be computed migrations would serve; nothing where
 * they serve none. Where no task of those has migrations the store is not looked at.
 *
 * @param input Of the command that says it.
 * @param roots What the command is about.
 * @param isTodo Whether the artifact of that hash is to be computed.
 */
export async function migratableText(
  { args, program, engine }: Pick<CommandInput, "args" | "program" | "engine">,
  roots: readonly Artifact[],
  isTodo: (hash: Hash) => boolean,
): Promise<string> {
  const below = [...withAllBelow(roots)];
  if (!below.some(({ hash, [ARTIFACT]: { task } }) => task.migrations && isTodo(hash))) return "";
  // Hardly any plan needs it.
  const { servedByMigrations } = await import("../../migrate/served.ts");
  const store = await readableStore(engine, { mayLack: true });
  const { served, unread } = await servedByMigrations(store, roots, isTodo);
  const command = program.script ? `${program.name} migrate` : `furu migrate ${args.at(-1)}`;
  if (unread > 0) return `${plural(unread, "result")} of older code may be migrated: ${command}\n`;
  if (served.size === 0) return "";
  return `${plural(served.size, "result")} need not be computed but can be migrated: ${command}\n`;
}
