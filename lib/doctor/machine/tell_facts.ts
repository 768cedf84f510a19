import { resolveConfig } from "../../core/config.ts";
import { errorText, furuErrorName } from "../../core/errors.ts";
import { furuGlobals } from "../../core/globals.ts";
import { projectFolder } from "../../core/paths.ts";
import { runProgram } from "../../slurm/client/program.ts";
import { type Outcome, outcomeOf } from "./finding.ts";
import { machineProbes } from "./machine_facts.ts";
import { type StorePlace, storeProbes, trialFolder } from "./store_facts.ts";

/** What another process is asked to look at. */
export interface FactsOrder {
  /** URL of the module that the program was started with, by which the project is found. */
  entry: string;
  /** The name of the folder in which the store's filesystem is tried. */
  name: string;
}

/** The settings of a project, as far as they matter here. */
export interface ProjectSettings {
  /** The store's folder. */
  root: string;
  /** The project's folder, which `furu.json` is in. */
  project: string;
  /** See `ConfigOptions`. */
  leaseSec: number;
  /** See `ConfigOptions`. */
  heartbeatSec: number;
  /** See `ConfigOptions`. */
  maxHeapMb?: number | undefined;
  /** See `ConfigOptions`. */
  slurm: {
    specs?: Record<string, unknown> | undefined;
    squeueIntervalSec?: number | undefined;
    nodesSubmit?: boolean | undefined;
  };
}

/** What such a process tells, a line of JSON each: which fact it looks at, then what it is. */
export type FactLine =
  | { begin: string; folder?: string }
  | { fact: string; outcome: Outcome<unknown>; configError?: boolean };

/**
 * Looks at settings, machine and store, one after the other, and tells each as soon as it is known. It runs
 * in a process of its own: a file server that hangs hangs this one only.
 */
export async function tellFacts(order: FactsOrder, tell: (line: FactLine) => void): Promise<void> {
  for (const [name, probe] of Object.entries(machineProbes)) {
    tell({ begin: `machine.${name}` });
    tell({ fact: `machine.${name}`, outcome: await outcomeOf<unknown>(() => probe(runProgram)) });
  }
  tell({ begin: "settings" });
  let settings: ProjectSettings;
  try {
    settings = readSettings(order);
  } catch (error) {
    const configError = furuErrorName(error) === "ConfigError";
    const text = configError ? (error as Error).message : errorText(error);
    return tell({ fact: "settings", outcome: { ok: false, error: text }, configError });
  }
  tell({ fact: "settings", outcome: { ok: true, value: settings } });
  await tellStore({ root: settings.root, name: order.name, run: runProgram }, tell);
}

async function tellStore(place: StorePlace, tell: (line: FactLine) => void): Promise<void> {
  let isReachable = true;
  let folder: string | undefined;
  for (const [name, probe] of Object.entries(storeProbes)) {
    const fact = `store.${name}`;
    if (!isReachable && name !== "space") {
      tell({ fact, outcome: { ok: false, error: "", skipped: true } });
      continue;
    }
    // Whoever ends this process removes the folder.
    if (name === "write") folder = trialFolder(place);
    tell({ begin: fact, ...(name === "write" && folder ? { folder } : {}) });
    const outcome = await outcomeOf<unknown>(() => probe(place));
    tell({ fact, outcome });
    if (!outcome.ok && (name === "place" || name === "write")) isReachable = false;
  }
  if (folder !== undefined) await Deno.remove(folder, { recursive: true }).catch(() => {});
}

function readSettings({ entry }: FactsOrder): ProjectSettings {
  furuGlobals().entry = entry;
  const config = resolveConfig();
  const { leaseSec, heartbeatSec, maxHeapMb, slurm = {} } = config;
  return { root: config.root, project: projectFolder(), leaseSec, heartbeatSec, maxHeapMb, slurm };
}
