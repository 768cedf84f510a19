/** A signal that follows others until it is disposed of. */
export interface Follower extends Disposable {
  /** Aborts with the first of them. */
  readonly signal: AbortSignal;
}

/**
 * Follows signals for a time. `AbortSignal.any` would stay with each of them as long as it lives: with one
 * that lives as long as the process each call would leave something behind, and nested ones get slow with the
 * depth.
 */
export function follow(signals: readonly AbortSignal[], controller = new AbortController()): Follower {
  const taken: [AbortSignal, () => void][] = [];
  const off = (): void => {
    for (const [signal, listener] of taken) signal.removeEventListener("abort", listener);
    taken.length = 0;
  };
  for (const signal of signals) {
    const listener = (): void => {
      off();
      controller.abort(signal.reason);
    };
    if (signal.aborted) {
      listener();
      break;
    }
    signal.addEventListener("abort", listener);
    taken.push([signal, listener]);
  }
  return { signal: controller.signal, [Symbol.dispose]: off };
}
