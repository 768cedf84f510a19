import { resolveConfig } from "../../core/config.ts";
import { UsageError } from "../../core/errors.ts";
import { ARTIFACT, type Artifact } from "../../task/artifact/artifact.ts";
import { attemptRemovals } from "../../tidy/attempts.ts";
import type { StoredArtifact } from "../../tidy/graph.ts";
import { litterRemovals } from "../../tidy/litter.ts";
import { runRemovals, snapshotRemovals } from "../../tidy/old_runs.ts";
import { artifactRemoval, unfinishedRemovals } from "../../tidy/remove_artifact.ts";
import type { Removal } from "../../tidy/removal.ts";
import { type CommandInput, defineCommand } from "../program/command.ts";
import { listFlag, switchFlag } from "../program/flag.ts";
import { loadModule, moduleRoots } from "../roots/load_roots.ts";
import { divide, showOrApply } from "./apply.ts";
import { olderFlag, selectArtifacts } from "./select.ts";
import { openTidyStore } from "./tidy_store.ts";

/** How old runs and failures are at least that go, where nothing else is said. */
const DEFAULT_AGE_MS = 30 * 86_400_000;

/** `furu gc`: removes what nobody needs. */
export const gcCommand = defineCommand({
  args: () => "[TASK|PATTERN]...",
  arity: () => ({ least: 0, most: 1000 }),
  description: [
    "Removes what nobody needs. First it shows what would go; --apply does it. Without further flags that is " +
    "only what dead processes have left: private names, owner files, claims beside results.",
    "With --keep, all that the roots of the modules need stays, directly or not, and everything else goes of " +
    "the tasks that these modules define (of all with --all-tasks; only of those that are named).",
    "Pinned artifacts stay with all that they depend on, what is computed now or queued, and what that and " +
    "runs that have not ended may load.",
    "Exit codes: 0 all of that is removed (or shown), 1 some could not be removed, 2 wrong use.",
  ],
  flags: {
    keep: listFlag("MODULE[#export]", "Keep what its roots need, remove everything else (may be repeated)"),
    "all-tasks": switchFlag("With --keep: also tasks that the modules do not define"),
    failed: switchFlag("Failures, with logs and checkpoints: of what is stored by now, or is older"),
    replaced: switchFlag("Results that were replaced, or damaged and moved away"),
    runs: switchFlag("Folders of runs that ended before"),
    snapshots: switchFlag("Snapshots of code that neither a run nor a result names"),
    older: olderFlag("Only what ended before: 30d, 2w, 2026-11-29 (default for failures and runs: 30d)"),
    apply: switchFlag("Do it"),
  },
  examples: () => [
    ["", "what dead processes have left"],
    ["--keep pipeline.ts", "what would go that the pipeline does not need"],
    ["--keep pipeline.ts --failed --replaced --runs --snapshots --apply", "keep only what is needed"],
  ],
  async run(input) {
    const { args, flags, globals, io, engine } = input;
    if (flags["all-tasks"] && flags.keep.length === 0) {
      throw new UsageError(
        "Cannot use option --all-tasks without --keep: it says of which tasks --keep removes",
      );
    }
    // Before the store is known: a module's project has its own.
    const needed = flags.keep.length === 0 ? undefined : await neededBy(input);
    const tidy = await openTidyStore(engine);
    const { context, graph, inUse } = tidy;
    const { store } = context;
    const before = flags.older ?? Date.now() - DEFAULT_AGE_MS;
    const named = selectArtifacts(graph, { args }, store.root);
    let going: StoredArtifact[] = unfinishedRemovals(graph.artifacts.values(), inUse);
    if (needed) {
      const stays = graph.closure(needed);
      const tasks = new Set(await engine.taskNames());
      const old = selectArtifacts(graph, { args, older: flags.older }, store.root);
      going = [
        ...going,
        ...old.filter(({ name, hash }) => !stays.has(hash) && (flags["all-tasks"] || tasks.has(name))),
      ];
    }
    // What stays for a reason is what people want: it is not told for each.
    const { going: free } = divide([...new Set(going)], inUse);
    const removals: Removal[] = [];
    for (const artifact of free) removals.push(await artifactRemoval(context, artifact, inUse));
    const gone = new Set(free.map(({ hash }) => hash));
    const rest = named.filter(({ hash }) => !gone.has(hash));
    const { failed, replaced } = flags;
    if (failed || replaced) {
      removals.push(
        ...await attemptRemovals(context, rest, { graph, inUse, options: { failed, replaced, before } }),
      );
    }
    const slurmRoot = resolveConfig().slurmRoot;
    const oldRuns = flags.runs
      ? await runRemovals(context, { runs: inUse.runs, graph, before, slurmRoot })
      : [];
    removals.push(...oldRuns);
    const runs = new Set(oldRuns.map(({ what }) => what));
    if (flags.snapshots) removals.push(...await snapshotRemovals(context, { graph, inUse, going: runs }));
    removals.push(
      ...(await litterRemovals(context, { graph, inUse })).filter(({ hash }) =>
        hash === undefined || !gone.has(hash as StoredArtifact["hash"])
      ),
    );
    const staying = needed ? divide(going, inUse).staying : [];
    const words = { does: "removes", done: "removed" };
    return await showOrApply(
      tidy,
      { removals, staying, apply: flags.apply, mustAll: false, words },
      { io, globals },
    );
  },
});

/** The hashes of all that the roots of the modules need, directly or not. */
async function neededBy(
  { flags, io }: CommandInput<{ keep: ReturnType<typeof listFlag> }>,
): Promise<Set<string>> {
  const needed = new Set<string>();
  for (const reference of flags.keep) {
    const roots = await moduleRoots(await loadModule(reference, io.cwd));
    if (roots.length === 0) {
      throw new UsageError(
        `Cannot keep what ${reference} needs: it has no roots, so that everything would go`,
      );
    }
    const open: Artifact[] = [...roots];
    for (let artifact = open.pop(); artifact; artifact = open.pop()) {
      if (needed.has(artifact.hash)) continue;
      needed.add(artifact.hash);
      open.push(...artifact[ARTIFACT].dependencies);
    }
  }
  return needed;
}
