/** Stand-in for `jsr:@std/async/retry`: the same code, from npm's `deno-std`. @module */
import { retry as realRetry, RetryError as realRetryError } from "npm:deno-std@1.4.0/async/retry.js";

/** Options for {@linkcode retry}. */
export interface RetryOptions {
  /** How much to backoff after each retry. @default 2 */
  multiplier?: number;
  /** The maximum milliseconds between attempts. @default 60000 */
  maxTimeout?: number;
  /** The maximum amount of attempts until failure. @default 5 */
  maxAttempts?: number;
  /** The initial and minimum amount of milliseconds between attempts. @default 1000 */
  minTimeout?: number;
  /** Amount of jitter to introduce to the time between attempts, from 0 to 1. @default 1 */
  jitter?: number;
  /** Says whether an error is worth another attempt. @default every one is */
  isRetriable?: (err: unknown) => boolean;
  /** An AbortSignal to cancel the retry operation. */
  signal?: AbortSignal;
}

/** See https://jsr.io/@std/async/doc/~/RetryError. */
export type RetryError = Error;

/** See https://jsr.io/@std/async/doc/~/RetryError. */
export const RetryError: new (cause: unknown, attempts: number) => RetryError = realRetryError;

/** See https://jsr.io/@std/async/doc/~/retry. */
export const retry: <T>(fn: (() => Promise<T>) | (() => T), options?: RetryOptions) => Promise<T> = realRetry;
