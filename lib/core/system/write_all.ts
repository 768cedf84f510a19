const closed = new WeakSet<object>();

/**
 * Whether {@link writeAll} threw this because the reader of the output has closed it. A user's own pipes are
 * others.
 */
export function isClosedOutput(error: unknown): boolean {
  return typeof error === "object" && error !== null && closed.has(error);
}

/**
 * Writes all of a text or of bytes, however few bytes the system takes at a time, and waits where it takes
 * none.
 */
export function writeAll(
  stream: { writeSync(bytes: Uint8Array): number },
  output: string | Uint8Array,
): void {
  let bytes = typeof output === "string" ? new TextEncoder().encode(output) : output;
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(stream.writeSync(bytes));
    } catch (error) {
      if (error instanceof Deno.errors.BrokenPipe) closed.add(error);
      // A pipe that its reader made non-blocking, and that is full.
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}
