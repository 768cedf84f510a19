import type { FoundArtifact } from "../../catalog/find_artifacts.ts";
import { readEntry } from "../../catalog/read_entries.ts";
import { why, type WhyNode } from "../../explain/why.ts";
import type { Store } from "../../store/store.ts";
import { inOrder } from "../view/plan_view.ts";
import { artifactsBelow, reasonJson, whyText } from "../view/why_text.ts";
import { migratableText } from "../migrate/migratable_text.ts";
import { defineCommand } from "../program/command.ts";
import { given } from "../program/flag.ts";
import { readableStore } from "../program/readable_store.ts";
import { findReference, isReference } from "../roots/find_reference.ts";
import { loadTarget } from "../roots/target.ts";

/** `furu why`: why artifacts would be computed, or would not. */
export const whyCommand = defineCommand({
  args: (program) => program.script ? "[HASH]" : "MODULE[#export]|HASH [MODULE[#export]]",
  arity: (program) => program.script ? { least: 0, most: 1 } : { least: 1, most: 2 },
  description: [
    "Says of each artifact that the roots need why a run would compute it: nothing of its task is stored, " +
    "or in which fields it differs from the nearest artifact that is; what is stored is invalid; its last " +
    "attempt failed. Of what would not be computed it says who computed it when, and whether the code of " +
    "its task has changed since (a warning only: code is no part of an artifact's identity).",
    "Artifacts of one task with the same reason are told together. HASH is about one artifact; what is not " +
    "stored is looked for among those of MODULE.",
  ],
  flags: {},
  examples: (program) =>
    program.script ? [["", "all that the roots need"], ["4f0c12ab", "one artifact"]] : [
      ["pipeline.ts", "all that its roots need"],
      ["4f0c12ab pipeline.ts", "one of them"],
      ["pipeline.ts --json", "for programs: one JSON array"],
    ],
  async run({ args, globals, io, program, engine }) {
    const store = await readableStore(engine, { mayLack: true });
    const [first = ""] = args;
    const isHash = program.script ? args.length > 0 : isReference(first);
    const modules = isHash ? args.slice(1) : args;
    const hasRoots = program.script !== undefined || modules.length > 0;
    const roots = hasRoots ? (await loadTarget(program, modules, io)).roots : [];
    const artifacts = artifactsBelow(roots);
    const found = isHash ? await findReference({ args, io, program, engine }) : undefined;
    const artifact = found && artifacts.get(found.hash);
    const nodes = found && !artifact
      ? await storedNode(store, found)
      : inOrder(await engine.plan(artifact ? [artifact] : roots, {}));
    const reasons = await why(nodes, { store, artifacts });
    const options = { color: io.color && !globals["no-color"], width: io.width };
    io.out(globals.json ? `${JSON.stringify(reasons.map(reasonJson))}\n` : whyText(reasons, options));
    const todo = new Set(reasons.filter(({ status }) => status === "TODO").map(({ hash }) => hash));
    const about = artifact ? [artifact] : roots;
    io.err(await migratableText({ args, program, engine }, about, (hash) => todo.has(hash)));
    return 0;
  },
});

/** What one look tells of an artifact that no module here makes. */
async function storedNode(store: Store, found: FoundArtifact): Promise<WhyNode[]> {
  const { name, hash } = found;
  const entry = await readEntry(store, found);
  const { status = "TODO", error, user, host, at } = entry ?? {};
  if (status === "DAMAGED") {
    return [{ name, hash, status: "FAILED", state: { unreadable: true, ...given({ error }) } }];
  }
  const who = [user && `by ${user}`, host && `on ${host}`, at && `since ${at}`].filter(Boolean).join(" ");
  return [{ name, hash, status, state: given({ error, owner: status === "IN_PROGRESS" ? who : undefined }) }];
}
