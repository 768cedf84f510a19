/** Stand-in for `jsr:@std/data-structures/binary-heap`: the same code, from npm's `deno-std`. @module */
import { BinaryHeap as real } from "npm:deno-std@1.4.0/data_structures/binary_heap.js";

/** See https://jsr.io/@std/data-structures/doc/~/BinaryHeap. */
export interface BinaryHeap<T> extends Iterable<T> {
  /** The count of values in the heap. */
  readonly length: number;
  /** The greatest value, which stays in the heap. */
  peek(): T | undefined;
  /** Removes the greatest value and returns it. */
  pop(): T | undefined;
  /** Adds values; returns the new length. */
  push(...values: T[]): number;
}

/** See https://jsr.io/@std/data-structures/doc/~/BinaryHeap. */
export const BinaryHeap: new <T>(compare?: (a: T, b: T) => number) => BinaryHeap<T> = real;
