import { FuruError, UsageError } from "../../core/errors.ts";
import { taskNamesOf } from "../../catalog/find_artifacts.ts";
import { nodesOf } from "../../page/run_nodes.ts";
import type { ReportSubject } from "../../page/report_source.ts";
import { runIds } from "../../status/run_ids.ts";
import { findRunId } from "../../status/run_views.ts";
import type { Store } from "../../store/store.ts";
import type { CommandInput } from "../program/command.ts";
import type { Program } from "../program/program.ts";
import { findSelected } from "../roots/selection.ts";
import { loadTarget } from "../roots/target.ts";

/** The arguments of a command that shows a page, for its declaration. */
export const subjectArgs = {
  args: (program: Program): string =>
    program.script ? "[RUN|last|TASK|PATTERN...]" : "[RUN|last|MODULE[#export]|TASK|PATTERN...]",
  arity: (): { least: number; most: number } => ({ least: 0, most: 1000 }),
};

/** Says what the arguments of {@link subjectArgs} mean, for help. */
export const ABOUT_SUBJECT =
  "RUN is a run's id, its beginning or its end; 'last', and no argument, is the latest. MODULE is loaded, and " +
  "the page shows all that its roots need, beside its latest run. TASK and PATTERN, as of furu ls, show what is " +
  "stored of them, and --all the whole store.";

/**
 * What the arguments of a page mean.
 *
 * @throws {UsageError} If that cannot be told, or there is no such run.
 * @throws {FuruError} If there is nothing of it.
 */
export async function findSubject(
  { args, flags, io, program }: Pick<CommandInput, "args" | "io" | "program"> & {
    readonly flags: { readonly all: boolean };
  },
  store: Store,
): Promise<ReportSubject> {
  const [first, ...others] = args;
  if (flags.all) {
    if (first !== undefined) {
      throw new UsageError(`Cannot use --all with '${first}': it is about the whole store`);
    }
    return { kind: "tasks", title: store.root, find: () => findSelected(store, []) };
  }
  if (first === undefined && program.script) return await moduleSubject([], program.name, { io, program });
  if (first === undefined || (first === "last" && others.length === 0)) return await latestRun(store);
  if (others.length === 0) {
    if (!program.script && isModule(first)) return await moduleSubject([first], first, { io, program });
    if ((await runIds(store)).includes(first)) return { kind: "run", runId: first };
  }
  const subject: ReportSubject = {
    kind: "tasks",
    title: args.join(", "),
    find: () => findSelected(store, args),
  };
  try {
    await findSelected(store, args);
    return subject;
  } catch (error) {
    const isTask = (await taskNamesOf(store)).includes(first);
    const runId = others.length > 0 || isTask
      ? undefined
      : await findRunId(store, first).catch(() => undefined);
    if (runId !== undefined) return { kind: "run", runId };
    if (!(error instanceof FuruError) || others.length > 0) throw error;
    throw new FuruError(`${error.message}; and it is no run of it, and no module (as pipeline.ts)`);
  }
}

async function latestRun(store: Store): Promise<ReportSubject> {
  const [runId] = await runIds(store);
  if (runId !== undefined) return { kind: "run", runId };
  throw new FuruError(
    `Cannot find a run in ${store.root}: name a module or a task, or give --all to see all that is stored`,
  );
}

async function moduleSubject(
  args: readonly string[],
  title: string,
  { io, program }: Pick<CommandInput, "io" | "program">,
): Promise<ReportSubject> {
  const { roots, entry } = await loadTarget(program, args, io);
  return {
    kind: "module",
    title,
    entry,
    nodes: nodesOf(roots),
    roots: [...new Set(roots.map(({ hash }) => hash))],
  };
}

/** Whether a word is the path, or the URL, of a module. */
function isModule(written: string): boolean {
  return /\.[cm]?[jt]sx?(?:#\w*)?$/i.test(written) || /^(?:file|https?|jsr|npm|data):/i.test(written);
}
