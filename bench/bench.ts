import type { Peers } from "./peers.ts";

/** A measured number with its unit. */
export interface Figure {
  /** The number, in `unit`. */
  readonly value: number;
  /** Its unit, as `"ms each"`. */
  readonly unit: string;
  /** What the number was taken over, where that differs from what the row says: `"1,000 targets"`. */
  readonly over?: string;
}

/** One line of the table. */
export interface Row {
  /** What was measured. */
  readonly what: string;
  /** What furu needed. */
  readonly furu: Figure;
  /**
   * What the same took by hand or with another tool, in the same unit; the ratio is furu's figure through
   * this one.
   */
  readonly reference?: Figure & { readonly tool: string };
  /** What furu aims at; absent where nothing was set. */
  readonly aim?: string;
}

/** What a bench is given. */
export interface BenchContext {
  /** Fewer rounds and smaller sizes: to see that it works, not to trust its figures. */
  readonly quick: boolean;
  /**
   * Also what takes many minutes.
   *
   * @default {false}
   */
  readonly full?: boolean;
  /** The other tools that are installed. */
  readonly peers: Peers;
  /** Adds a remark that is printed below the table. */
  note(text: string): void;
}

/** One measurement of `bench/main.ts`, or several that belong together. */
export interface Bench {
  /** Its name for `--only`. */
  readonly name: string;
  /** What it measures, for `--help`. */
  readonly description: string;
  /** Measures, and cleans up. */
  run(context: BenchContext): Promise<Row[]>;
}

/** A whole number for people: `10,000`. */
export function count(n: number): string {
  return n.toLocaleString("en");
}
