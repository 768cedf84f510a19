import { FuruError } from "../errors.ts";
import { nextTurn } from "./clock.ts";
import { currentSession } from "./session.ts";

/** Ctrl-C or a request to terminate reached this process. */
export class Interruption extends FuruError {
  /** The exit code that says so: 130 or 143. */
  readonly exitCode: number;

  /** @param signal The signal that was received. */
  constructor(signal: "SIGINT" | "SIGTERM") {
    super(`Interrupted by ${signal}`);
    this.exitCode = signal === "SIGINT" ? 130 : 143;
  }
}

/** A signal that ends a job: a batch system sends SIGUSR1 as a warning of the time limit. */
export type JobSignal = "SIGINT" | "SIGTERM" | "SIGUSR1";

/** Work that a signal ends. */
interface Work {
  readonly controller: AbortController;
  readonly onInterrupt: (() => void) | undefined;
  /** Ends at once all that still runs. */
  kill?: () => Promise<void>;
}

// State of the process, as its signals and its exit are.
const works = new Set<Work>();
const jobs = new Set<(signal: JobSignal) => void>();
const listeners = new Map<JobSignal, () => void>();
let received: Interruption | undefined;

/**
 * Runs work that SIGINT and SIGTERM end properly: the first signal aborts all such work, and when the last
 * has ended the process exits with 130 or 143. The second signal kills what still runs, and exits at once.
 * In a notebook or the REPL SIGINT is about what runs, not about the process: that goes on.
 *
 * @param work Is given a signal, and takes a function that ends at once what still runs.
 * @param onInterrupt Is called at the first signal: coming to rest takes some seconds, in which a person
 * wants to know.
 * @throws {Interruption} If a signal has been received before.
 */
export async function interruptible<T>(
  work: (signal: AbortSignal, onKill: (kill: () => Promise<void>) => void) => Promise<T>,
  onInterrupt?: () => void,
): Promise<T> {
  if (received) throw received;
  const own: Work = { controller: new AbortController(), onInterrupt };
  works.add(own);
  listen();
  try {
    return await work(own.controller.signal, (kill) => own.kill = kill);
  } finally {
    works.delete(own);
    exitAtRest();
    if (works.size === 0) {
      // A signal that has reached the process, and not yet this thread, would be lost with its listener.
      await nextTurn();
      listen();
    }
  }
}

/**
 * As {@link interruptible}, for a run of which nobody waits for the end once a signal has been received: then
 * it never settles, as the process ends.
 *
 * @param outer The caller's own signal, which aborts too, without an exit.
 */
export async function interruptibleRun<T>(
  outer: AbortSignal | undefined,
  onInterrupt: () => void,
  run: (signal: AbortSignal, onKill: (kill: () => Promise<void>) => void) => Promise<T>,
): Promise<T> {
  try {
    return await interruptible(
      (own, onKill) => run(outer === undefined ? own : AbortSignal.any([own, outer]), onKill),
      onInterrupt,
    );
  } finally {
    await exiting();
  }
}

/**
 * Waits for ever once a signal has been received: the process ends when all work has come to rest, so that
 * nobody must see how this one ended. Without a signal it returns nothing.
 */
export function exiting(): Promise<never> | undefined {
  return received && !goesOn(received) ? new Promise(() => {}) : undefined;
}

/** Whether the process is one that a person goes on to use after the interruption. */
function goesOn({ exitCode }: Interruption): boolean {
  return exitCode === 130 && currentSession() !== undefined;
}

/**
 * Gives all signals to a job of a batch system, which decides by itself when to end: nothing else in this
 * process ends because of them.
 *
 * @returns Ends the listening.
 */
export function listenAsJob(onSignal: (signal: JobSignal) => void): Disposable {
  jobs.add(onSignal);
  listen();
  return {
    [Symbol.dispose]: () => {
      jobs.delete(onSignal);
      listen();
    },
  };
}

/**
 * Listens to what somebody here ends by, and to nothing else: a listener takes from a signal what it does by
 * default.
 */
function listen(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGUSR1"] as const) {
    const wanted = jobs.size > 0 || (works.size > 0 && signal !== "SIGUSR1");
    const listener = listeners.get(signal);
    if (wanted && !listener) {
      const added = () => receive(signal);
      listeners.set(signal, added);
      Deno.addSignalListener(signal, added);
    } else if (!wanted && listener) {
      listeners.delete(signal);
      Deno.removeSignalListener(signal, listener);
    }
  }
}

function receive(signal: JobSignal): void {
  if (jobs.size > 0) return jobs.forEach((onSignal) => onSignal(signal));
  if (signal === "SIGUSR1") return;
  if (received && !(goesOn(received) && signal === "SIGTERM")) {
    const was = received;
    return void Promise.all([...works].map(({ kill }) => kill?.())).finally(() => {
      if (!goesOn(was)) Deno.exit(was.exitCode);
    });
  }
  received = new Interruption(signal);
  // Where the process goes on a person sees it, and no frame of it is theirs.
  if (goesOn(received)) received.stack = `${received}`;
  // What ends because of it may reject where nobody listens any more: that must not end the process before
  // the others have come to rest.
  for (const type of goesOn(received) ? [] : ["unhandledrejection", "error"]) {
    globalThis.addEventListener(type, (event) => event.preventDefault());
  }
  for (const { controller, onInterrupt } of works) {
    onInterrupt?.();
    controller.abort(received);
  }
  exitAtRest();
}

function exitAtRest(): void {
  if (!received || works.size > 0) return;
  if (!goesOn(received)) Deno.exit(received.exitCode);
  received = undefined;
}
