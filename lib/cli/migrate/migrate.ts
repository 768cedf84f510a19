import { UsageError } from "../../core/errors.ts";
import type { AppliedMigration } from "../../migrate/apply_migration.ts";
import { planMigrations, type PlannedMigration } from "../../migrate/plan_migrations.ts";
import { ARTIFACT, type Artifact, type TaskDefinition } from "../../task/artifact/artifact.ts";
import { withAllBelow } from "../../task/artifact/reference.ts";
import { type CommandInput, defineCommand } from "../program/command.ts";
import { switchFlag } from "../program/flag.ts";
import { readableStore } from "../program/readable_store.ts";
import { collectRoots, loadModule, moduleRoots, taskDefinition } from "../roots/load_roots.ts";
import { exampleTarget, targetArgs } from "../roots/target.ts";
import { migrationCounts, migrationJson, type MigrationRow, migrationsText } from "./migrate_text.ts";

const flags = {
  apply: switchFlag("Do it; without, it is only shown what would be done"),
};

/** `furu migrate`: results of a task as it was once become those of the task as it is today. */
export const migrateCommand = defineCommand({
  ...targetArgs,
  description: [
    "Shows which stored results can become results of today's artifacts without being computed again: by the " +
    "'migrations' of the tasks of a module, and what is made of such results. With --apply they do. What " +
    "was stored stays, under its old name and hash.",
    "After '#', a task or roots: only the migrations of that task, or of those that the roots need.",
  ],
  flags,
  examples: (program) => {
    const target = exampleTarget(program);
    return [
      [target.trimEnd(), "what would be migrated, what is not and why"],
      [`${target}--apply`, "migrate"],
      [`${target}--json`, "for programs: one JSON array"],
    ];
  },
  async run(input) {
    const { args, flags, globals, io, engine, program } = input;
    const { tasks, roots } = await findTasks(input);
    const options = { color: io.color && !globals["no-color"], width: io.width };
    const store = await readableStore(engine);
    const others = [...new Set([...await engine.taskNames(), ...tasks.map(({ name }) => name)])];
    const planned = await planMigrations(store, { tasks, others, roots });
    const applied = flags.apply ? await applyAll(store.root, planned) : new Map();
    const rows = planned.map((each): MigrationRow => ({ planned: each, applied: applied.get(each) }));
    if (globals.json) io.out(`${JSON.stringify(rows.map(migrationJson))}\n`);
    else {
      io.out(migrationsText(rows, options));
      if (tasks.every(({ migrations = [] }) => migrations.length === 0)) {
        io.err(`no task has 'migrations' (an option of defineTask)\n`);
      } else if (rows.length === 0) io.err(`nothing that migrations are for is in ${store.root}\n`);
      else {
        const isReady = !flags.apply && planned.some(({ status }) => status === "ready");
        const command = program.script ? `${program.name} migrate` : `furu migrate ${args[0]}`;
        io.err(`${migrationCounts(rows)}${isReady ? `: ${command} --apply` : ""}\n`);
      }
    }
    // What was refused before is told; what was to be done and could not be is a failure.
    return [...applied.values()].some(({ status }) => status === "refused") ? 1 : 0;
  },
});

async function applyAll(
  root: string,
  planned: readonly PlannedMigration[],
): Promise<Map<PlannedMigration, AppliedMigration>> {
  const applied = new Map<PlannedMigration, AppliedMigration>();
  if (planned.every(({ status }) => status !== "ready")) return applied;
  // Loaded when used: to look takes no claims.
  const [{ applyMigrations }, { systemRuntime }, { resolveConfig }] = await Promise.all([
    import("../../migrate/apply_migration.ts"),
    import("../../run/default_runtime.ts"),
    import("../../core/config.ts"),
  ]);
  const runtime = systemRuntime({ ...resolveConfig(), root });
  await applyMigrations(runtime, planned, (each, how) => void applied.set(each, how));
  return applied;
}

/** The tasks whose migrations are meant, and the artifacts of today's code that are known. */
async function findTasks(
  { args, io, program, engine }: CommandInput,
): Promise<{ tasks: TaskDefinition[]; roots: Artifact[] }> {
  const all = async (): Promise<TaskDefinition[]> => {
    const names = await engine.taskNames();
    return (await Promise.all(names.map((name) => engine.findTask(name)))).flatMap((task) => task ?? []);
  };
  if (program.script) {
    const roots = await collectRoots(program.script.roots, `what ${program.name} gave to main()`);
    return { tasks: await all(), roots };
  }
  const [reference] = args;
  if (reference === undefined) {
    throw new UsageError("Cannot migrate as the module is missing: MODULE[#export] is needed");
  }
  const module = await loadModule(reference, io.cwd);
  const { exports, exportName } = module;
  const task = exportName === undefined ? undefined : taskDefinition(exports[exportName]);
  const hasRoots = Object.hasOwn(exports, exportName ?? "default") &&
    taskDefinition(exports[exportName ?? "default"]) === undefined;
  if (task) return { tasks: [task], roots: [] };
  if (exportName === undefined) {
    return { tasks: await all(), roots: hasRoots ? await moduleRoots(module) : [] };
  }
  const roots = await moduleRoots(module);
  const tasks = new Map([...withAllBelow(roots)].map((each) => [each.name, each[ARTIFACT].task]));
  return { tasks: [...tasks.values()], roots };
}
