/** Begins every mark. The zero byte makes it rare in text, so that looking for it is cheap. */
const PREFIX = new TextEncoder().encode("\0furu-end-");
const ID_LENGTH = 36;
const MARK_LENGTH = PREFIX.length + ID_LENGTH + 1;

/**
 * The bytes that a process prints at the end of a task.
 *
 * @param id A UUID, fresh for each task.
 */
export function markBytes(id: string): Uint8Array {
  return new TextEncoder().encode(`\0furu-end-${id}\n`);
}

/** A piece of output: bytes as they were printed, or the id of a mark between them. */
export type OutputPart = { bytes: Uint8Array } | { mark: string };

/** Finds marks in a stream of output, also when they are split over reads. */
export class MarkSplitter {
  #held: Uint8Array = new Uint8Array(0);
  readonly #isMark: (id: string) => boolean;

  /** @param isMark Whether this id was given to a task. Others are ordinary output. */
  constructor(isMark: (id: string) => boolean) {
    this.#isMark = isMark;
  }

  /** The output in order, except for an end that may be the beginning of a mark. */
  push(chunk: Uint8Array): OutputPart[] {
    const bytes = this.#held.length === 0 ? chunk : concat(this.#held, chunk);
    const parts: OutputPart[] = [];
    let from = 0;
    let at = bytes.indexOf(PREFIX[0]!);
    while (at >= 0) {
      const match = matches(bytes, at);
      if (match && bytes.length - at < MARK_LENGTH) break;
      const id = match ? markAt(bytes, at) : undefined;
      if (id !== undefined && this.#isMark(id)) {
        if (at > from) parts.push({ bytes: bytes.subarray(from, at) });
        parts.push({ mark: id });
        from = at + MARK_LENGTH;
        at = bytes.indexOf(PREFIX[0]!, from);
      } else {
        at = bytes.indexOf(PREFIX[0]!, at + 1);
      }
    }
    const end = at >= 0 ? at : bytes.length;
    if (end > from) parts.push({ bytes: bytes.subarray(from, end) });
    this.#held = bytes.slice(end);
    return parts;
  }

  /** The bytes that were held back, at the end of all output. */
  flush(): OutputPart[] {
    const rest = this.#held;
    this.#held = new Uint8Array(0);
    return rest.length === 0 ? [] : [{ bytes: rest }];
  }
}

/** Whether the bytes from here on agree with the prefix, as far as they go. */
function matches(bytes: Uint8Array, at: number): boolean {
  const length = Math.min(PREFIX.length, bytes.length - at);
  for (let i = 1; i < length; i++) if (bytes[at + i] !== PREFIX[i]) return false;
  return true;
}

function markAt(bytes: Uint8Array, at: number): string | undefined {
  if (bytes[at + MARK_LENGTH - 1] !== 10) return undefined;
  return new TextDecoder().decode(bytes.subarray(at + PREFIX.length, at + MARK_LENGTH - 1));
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
