import { concat } from "@std/bytes/concat";

const [LF, CR, ESC] = [10, 13, 27];

/** A longer one is no state of a bar: the program only likes to end its lines in its own way. */
const MAX_STATE = 64 * 1024;
/** Nobody draws more lines again and again. */
const MAX_ROWS = 100;
/** A longer sequence is none. */
const MAX_ESCAPE = 32;

/** Options of a {@link BarFilter}. */
export interface BarFilterOptions {
  /**
   * Milliseconds between two states of one bar that are kept besides the last one.
   *
   * @default {only the last one is kept}
   */
  everyMs?: number;
  /** Milliseconds that only grow. */
  now?: () => number;
}

/**
 * Makes output readable in which lines are written over each other, as progress bars do it (tqdm, spinners):
 * by a carriage return, by going to the first column, or by going up. What a terminal would show in the end
 * stays, and now and then a state between, each on a line of its own. Other output passes as it is and at
 * once.
 */
export class BarFilter {
  readonly #everyMs: number;
  readonly #now: () => number;
  #out: Uint8Array[] = [];
  /** Whether the line has been begun anew. Then the next output is a state of a bar. */
  #isBar = false;
  /** A carriage return came, and what it means depends on what follows. */
  #returned = false;
  /** An escape sequence that is not complete. */
  #escape: number[] = [];
  /** The text of the line since it was begun anew. */
  #state: Uint8Array[] = [];
  #stateBytes = 0;
  /** Whether that is given out as it comes. */
  #isLive = false;
  /** The last state of each line, by how far above the lowest it is, unless that was given out. */
  #lasts: (Uint8Array | undefined)[] = [];
  /** Whether the output so far ends within a line. */
  #isOpen = false;
  /** The number of lines from the cursor down to the last one. */
  #rowsUp = 0;
  #givenAt = -Infinity;

  /** Nothing came yet. */
  constructor({ everyMs = Infinity, now = () => performance.now() }: BarFilterOptions = {}) {
    this.#everyMs = everyMs;
    this.#now = now;
  }

  /**
   * What is to be written of the output so far, as far as it was not returned before.
   *
   * @param chunk The next output.
   */
  push(chunk: Uint8Array): Uint8Array {
    let nextReturn = -2, nextEscape = -2; // not looked for
    for (let at = 0; at < chunk.length;) {
      if (!this.#isBar && !this.#returned && this.#escape.length === 0) {
        // Each is looked for once until it is reached: a log full of colours must not cost the square of its
        // length.
        if (nextReturn !== -1 && nextReturn < at) nextReturn = chunk.indexOf(CR, at);
        if (nextEscape !== -1 && nextEscape < at) nextEscape = chunk.indexOf(ESC, at);
        const found = [nextReturn, nextEscape].filter((index) => index >= 0);
        const end = Math.min(chunk.length, ...found);
        this.#give(chunk.subarray(at, end));
        at = end;
        if (at === chunk.length) break;
      }
      const byte = chunk[at]!;
      if (this.#escape.length > 0 || byte === ESC) {
        at++;
        this.#escaped(byte);
      } else if (byte === CR) {
        at++;
        if (this.#returned) continue;
        this.#returned = true;
      } else if (byte === LF) {
        at++;
        this.#returned = false;
        this.#lineEnd();
      } else {
        this.#beginAnew();
        const from = at;
        while (at < chunk.length && chunk[at] !== LF && chunk[at] !== CR && chunk[at] !== ESC) at++;
        this.#add(chunk.slice(from, at));
      }
    }
    this.#show();
    return this.#taken();
  }

  /** The rest that is to be written at the end of all output. */
  flush(): Uint8Array {
    if (this.#escape.length > 0) this.#add(Uint8Array.from(this.#escape.splice(0)));
    if (this.#isBar) {
      this.#endState();
      this.#rowsUp = 0;
      this.#lineEnd();
    }
    this.#returned = false;
    return this.#taken();
  }

  /** The text of the line that is written over and over now; empty where there is none. */
  held(): Uint8Array {
    const state = joined(this.#state);
    return isBlank(state) ? this.#lasts[this.#rowsUp] ?? new Uint8Array(0) : state;
  }

  /** If a carriage return came: the line is written over from here on. */
  #beginAnew(): void {
    if (!this.#returned) return;
    this.#returned = false;
    this.#writeOver();
  }

  /** Now and then what the line shows is given out: also a program that hangs is to be seen in the log. */
  #show(): void {
    if (!this.#isBar || this.#isLive || this.#everyMs === Infinity) return;
    if (this.#now() - this.#givenAt < this.#everyMs) return;
    const state = joined(this.#state);
    if (isBlank(state)) return this.#giveLast(this.#rowsUp);
    this.#lasts[this.#rowsUp] = state;
    this.#giveLast(this.#rowsUp);
    this.#state = [];
    this.#stateBytes = 0;
    this.#isLive = true;
  }

  #writeOver(): void {
    if (!this.#isBar) this.#givenAt = this.#isOpen ? this.#now() : -Infinity;
    this.#isBar = true;
    this.#endState();
  }

  #endState(): void {
    this.#isLive = false;
    const state = joined(this.#state);
    if (!isBlank(state)) this.#lasts[this.#rowsUp] = state;
    this.#state = [];
    this.#stateBytes = 0;
  }

  #giveLast(row: number): void {
    const last = this.#lasts[row];
    if (last === undefined) return;
    if (this.#isOpen) this.#give(Uint8Array.of(LF));
    this.#give(last);
    this.#lasts[row] = undefined;
    this.#givenAt = this.#now();
  }

  #lineEnd(): void {
    if (this.#rowsUp > 0) {
      // Down again to where a bar below is: tqdm draws several this way.
      this.#writeOver();
      this.#rowsUp--;
      return;
    }
    this.#endState();
    for (let row = this.#lasts.length - 1; row >= 0; row--) this.#giveLast(row);
    this.#lasts = [];
    this.#isBar = false;
    this.#give(Uint8Array.of(LF));
  }

  #escaped(byte: number): void {
    this.#escape.push(byte);
    const { length } = this.#escape;
    if (length === 1) return;
    const isCsi = this.#escape[1] === 0x5b;
    const isWhole = isCsi ? length > 2 && byte >= 0x40 && byte <= 0x7e : true;
    if (!isWhole && length < MAX_ESCAPE && byte !== LF && byte !== CR) return;
    const bytes = Uint8Array.from(this.#escape.splice(0));
    const [, count, final] = /^\[(\d*)([A-Za-z])$/.exec(new TextDecoder().decode(bytes.subarray(1))) ?? [];
    switch (final) {
      case "A": // up
      case "F":
        this.#returned = false;
        this.#writeOver();
        this.#rowsUp = Math.min(MAX_ROWS, this.#rowsUp + Math.max(1, Number(count)));
        return;
      case "G": // to a column
        if (Number(count) > 1) break;
        this.#returned = false;
        return this.#writeOver();
      case "K": // erases
      case "J":
        return;
    }
    this.#beginAnew();
    this.#add(bytes);
  }

  #add(bytes: Uint8Array): void {
    if (!this.#isBar || this.#isLive) return this.#give(bytes);
    this.#state.push(bytes);
    this.#stateBytes += bytes.length;
    if (this.#stateBytes <= MAX_STATE) return;
    if (this.#isOpen) this.#give(Uint8Array.of(LF));
    for (const piece of this.#state.splice(0)) this.#give(piece);
    this.#stateBytes = 0;
    this.#lasts = [];
    this.#isBar = false;
  }

  #give(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#out.push(bytes);
    this.#isOpen = bytes.at(-1) !== LF;
  }

  #taken(): Uint8Array {
    const out = joined(this.#out);
    this.#out = [];
    return out;
  }
}

function isBlank(bytes: Uint8Array): boolean {
  for (const byte of bytes) if (byte !== 32) return false;
  return true;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return pieces.length === 1 ? pieces[0]! : concat(pieces);
}
