import { fromFileUrl } from "@std/path/from-file-url";
import type { ConfigOptions } from "../../lib/core/config.ts";
import type { Engine, RunOptions } from "../../lib/cli/program/engine.ts";
import { systemEngine } from "../../lib/cli/program/engine.ts";
import { runFuru } from "../../lib/cli/main.ts";
import type { PlanView } from "../../lib/cli/view/plan_view.ts";
import type { Program } from "../../lib/cli/program/program.ts";
import type { Artifact } from "../../lib/task/artifact/artifact.ts";
import { summaryOf } from "../ui/events.ts";

/** Where the modules are that these tests give to commands. */
export const FIXTURES: string = fromFileUrl(new URL("./fixtures", import.meta.url));

/** What a command line led to. */
export interface Outcome {
  code: number;
  out: string;
  err: string;
  configured: ConfigOptions[];
  runs: { roots: Artifact[]; options: RunOptions }[];
  gets: { artifact: Artifact; force: boolean }[];
}

/** Parts of the engine that a test replaces. */
export interface RigOptions extends Partial<Engine> {
  program?: Program;
  cwd?: string;
  width?: number;
}

/** Runs a command line with an engine that computes nothing. */
export async function furu(args: readonly string[], options: RigOptions = {}): Promise<Outcome> {
  const { program, cwd = FIXTURES, width, ...parts } = options;
  const outcome: Outcome = { code: 0, out: "", err: "", configured: [], runs: [], gets: [] };
  const engine: Engine = {
    ...systemEngine,
    configure: (config) => Promise.resolve(void outcome.configured.push(config)),
    root: () => Promise.resolve("/nowhere"),
    runLocal: (roots, runOptions) => {
      outcome.runs.push({ roots: [...roots], options: runOptions });
      return Promise.resolve(summaryOf());
    },
    get: (artifact, { force }) => {
      outcome.gets.push({ artifact, force });
      return Promise.resolve(artifact.params);
    },
    plan: () => Promise.resolve({ roots: [], nodes: new Map() } satisfies PlanView),
    ...parts,
  };
  const io = {
    out: (text: string) => void (outcome.out += text),
    err: (text: string) => void (outcome.err += text),
    color: false,
    width,
    cwd,
  };
  outcome.code = await runFuru({ args, io, engine, ...(program ? { program } : {}) });
  return outcome;
}
