/** Stand-in for `jsr:@std/async/pool`: the same code, from npm's `deno-std`. @module */
import { pooledMap as real } from "npm:deno-std@1.4.0/async/pool.js";

/** See https://jsr.io/@std/async/doc/~/pooledMap. */
export const pooledMap: <T, R>(
  poolLimit: number,
  array: Iterable<T> | AsyncIterable<T>,
  iteratorFn: (data: T) => Promise<R>,
) => AsyncIterableIterator<R> = real;
