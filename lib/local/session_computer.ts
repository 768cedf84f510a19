import type { AttemptEnd } from "../core/attempt_end.ts";
import type { ClaimedAttempt, Computer, FirstAttempt, FirstEnd, InlineComputer } from "../run/computer.ts";
import type { PlanNode } from "../plan/node.ts";
import type { Artifact } from "../task/artifact/artifact.ts";
import type { ProcessComputer } from "../worker/process_computer.ts";

/**
 * Computes what a person has typed into a notebook or the REPL inside this process, as no other has that
 * code, and what worker processes can import there.
 */
export class SessionComputer implements Computer {
  readonly inProcess = true;
  readonly #typed: ReadonlySet<string>;
  readonly #inline: InlineComputer;
  readonly #workers: ProcessComputer;

  /** @param typed Hashes of what no worker process can make: see `typedBelow`. */
  constructor(typed: ReadonlySet<string>, inline: InlineComputer, workers: ProcessComputer) {
    this.#typed = typed;
    this.#inline = inline;
    this.#workers = workers;
  }

  compute(attempt: ClaimedAttempt): Promise<AttemptEnd> {
    return this.#of(attempt).compute(attempt);
  }

  async computeFirst(attempt: FirstAttempt): Promise<FirstEnd> {
    return await this.#of(attempt).computeFirst?.(attempt) ?? "declined";
  }

  withdraw(): void {
    this.#workers.withdraw();
  }

  get ahead(): number {
    return this.#workers.ahead;
  }

  async kill(): Promise<void> {
    await Promise.all([this.#inline.kill(), this.#workers.kill()]);
  }

  async close(): Promise<void> {
    await Promise.all([this.#inline.close(), this.#workers.close()]);
  }

  #of({ artifact }: { readonly artifact: Artifact }): Computer {
    return this.#typed.has(artifact.hash) ? this.#inline : this.#workers;
  }
}

/** So many tasks are named. */
const NAMED = 3;

/** One line about what is to be computed inside of this process; nothing where nothing is. */
export function typedText(typed: ReadonlySet<string>, nodes: Iterable<PlanNode>): string | undefined {
  const here = [...nodes].filter(({ hash, status }) => status === "TODO" && typed.has(hash));
  const names = [...new Set(here.map(({ name }) => name))];
  if (names.length === 0) return undefined;
  const rest = names.length - NAMED;
  return `${names.slice(0, NAMED).join(", ")}${
    rest > 0 ? ` and ${rest} more` : ""
  }: computed inside this process, as ` +
    "workers cannot import what is typed in here, nor what depends on it (they can import a module file)";
}
