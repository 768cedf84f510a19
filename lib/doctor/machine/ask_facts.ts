import { ConfigError, FuruError } from "../../core/errors.ts";
import { environmentVariables } from "../../core/environment.ts";
import { runProgram } from "../../slurm/client/program.ts";
import type { Outcome, Outcomes } from "./finding.ts";
import type { MachineFacts } from "./machine_facts.ts";
import type { StoreFacts } from "./store_facts.ts";
import { type FactLine, type FactsOrder, type ProjectSettings, tellFacts } from "./tell_facts.ts";

/** All that is known of machine and store. */
export interface AskedFacts {
  /** How furu is set up here; nothing where finding that out hung. */
  readonly settings: ProjectSettings | undefined;
  /** Of the machine. */
  readonly machine: Outcomes<MachineFacts>;
  /** Of the store. */
  readonly store: Outcomes<StoreFacts>;
  /** What did not answer, and has kept the rest from being asked. */
  readonly hung: { readonly fact: string; readonly sec: number } | undefined;
  /** A folder that could not be removed. */
  readonly left: string | undefined;
}

/** Options of {@link askFacts}. */
export interface AskFacts {
  /** What is to be looked at. */
  order: FactsOrder;
  /** The command of a process that does what `tellFacts` does, with that order. */
  command: readonly string[];
  /** Milliseconds that each fact may take. */
  deadlineMs: number;
  /** Ends it with its reason. */
  signal: AbortSignal;
}

const REMOVE_MS = 10_000;
/** Milliseconds for which the last words of a process are waited for that was ended. */
const DRAIN_MS = 1000;
const NOTHING = new Promise<never>(() => {});

/**
 * Has another process look at machine and store. One that hangs is ended, or left alone where the system
 * cannot end it: this process goes on.
 *
 * @throws {ConfigError} If the configuration cannot be used.
 * @throws The signal's reason when it aborts.
 */
export async function askFacts({ order, command, deadlineMs, signal }: AskFacts): Promise<AskedFacts> {
  signal.throwIfAborted();
  // A process that may start no other one looks itself.
  if (Deno.permissions.querySync({ name: "run" }).state !== "granted") {
    const facts = new Map<string, Outcome<unknown>>();
    let configError: string | undefined;
    await tellFacts(order, (line) => configError = take(facts, line) ?? configError);
    return factsOf(facts, { hung: undefined, configError, left: undefined });
  }
  const [program = "", ...args] = command;
  // Ctrl-C reaches this process alone, which then sees to what is left.
  const child = new Deno.Command(program, {
    args,
    detached: true,
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  child.unref();
  const facts = new Map<string, Outcome<unknown>>();
  const lines = linesOf(child.stdout);
  let begun = "settings";
  let folder: string | undefined;
  let hung: AskedFacts["hung"];
  let configError: string | undefined;
  const read = (text: string): void => {
    const line: FactLine = JSON.parse(text);
    if ("begin" in line) {
      begun = line.begin;
      folder = line.folder ?? folder;
    } else configError = take(facts, line) ?? configError;
  };
  let next = lines.next();
  const stopped = Promise.withResolvers<"stopped">();
  const stop = (): void => stopped.resolve("stopped");
  signal.addEventListener("abort", stop);
  try {
    for (;;) {
      const line = await firstOf(next, stopped.promise, deadlineMs);
      if (line === "late") hung = { fact: begun, sec: deadlineMs / 1000 };
      if (line === "late" || line === "stopped" || line.done) break;
      read(line.value);
      next = lines.next();
    }
  } finally {
    signal.removeEventListener("abort", stop);
    end(child);
  }
  // What it told last is not read yet: perhaps of the folder.
  for (let line = await firstOf(next, NOTHING, DRAIN_MS); typeof line === "object" && !line.done;) {
    read(line.value);
    line = await firstOf(lines.next(), NOTHING, DRAIN_MS);
  }
  const left = folder !== undefined && !await isRemoved(folder) ? folder : undefined;
  signal.throwIfAborted();
  return factsOf(facts, { hung, configError, left });
}

/** Takes in what was told. Returns what is wrong with the configuration. */
function take(facts: Map<string, Outcome<unknown>>, line: FactLine): string | undefined {
  if ("begin" in line) return undefined;
  facts.set(line.fact, line.outcome);
  return line.configError && !line.outcome.ok ? line.outcome.error : undefined;
}

function factsOf(
  facts: Map<string, Outcome<unknown>>,
  { hung, configError, left }: Pick<AskedFacts, "hung" | "left"> & { configError: string | undefined },
): AskedFacts {
  if (configError !== undefined) throw new ConfigError(configError);
  if (hung) facts.set(hung.fact, { ok: false, error: "no answer", hungSec: hung.sec });
  const settings = facts.get("settings");
  if (!hung && !settings?.ok) {
    const why = settings?.error ?? "the process that looks at it has ended early";
    throw new FuruError(`Cannot look at this machine: ${why}`);
  }
  return {
    settings: settings?.ok ? settings.value as ProjectSettings : undefined,
    machine: group(facts, "machine.") as Outcomes<MachineFacts>,
    store: group(facts, "store.") as Outcomes<StoreFacts>,
    hung,
    left,
  };
}

function group(
  facts: ReadonlyMap<string, Outcome<unknown>>,
  prefix: string,
): Record<string, Outcome<unknown>> {
  const found = [...facts].filter(([name]) => name.startsWith(prefix));
  return Object.fromEntries(found.map(([name, outcome]) => [name.slice(prefix.length), outcome]));
}

async function firstOf<T, S>(next: Promise<T>, other: Promise<S>, ms: number): Promise<T | S | "late"> {
  const late = Promise.withResolvers<"late">();
  const timer = setTimeout(() => late.resolve("late"), ms);
  try {
    return await Promise.race([next, other, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function end(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch { /* it has ended */ }
}

/**
 * Removes a folder, by another program, since that may hang, too.
 *
 * @returns Whether it is gone.
 */
export async function isRemoved(folder: string): Promise<boolean> {
  const command = ["/bin/sh", "-c", 'rm -rf -- "$0"; [ ! -e "$0" ]', folder];
  const { code } = await runProgram(command, { env: environmentVariables(), timeoutMs: REMOVE_MS });
  return code === 0;
}

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string, void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
