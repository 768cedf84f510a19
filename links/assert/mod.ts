/** Stand-in for `jsr:@std/assert`: the same code, from npm's `deno-std`. @module */
// deno-lint-ignore-file no-explicit-any -- the real signatures say `any`
import * as real from "npm:deno-std@1.4.0/assert/mod.js";

/** Any array or typed array. */
export type ArrayLikeArg<T> = ArrayLike<T> & object;

/** What is not truthy. */
export type Falsy = false | 0 | 0n | "" | null | undefined;

/** See https://jsr.io/@std/assert/doc/~/AssertionError. */
export type AssertionError = Error;

/** See https://jsr.io/@std/assert/doc/~/AssertionError. */
export const AssertionError: new (message: string, options?: ErrorOptions) => AssertionError =
  real.AssertionError;

/** See https://jsr.io/@std/assert/doc/~/assertAlmostEquals. */
export const assertAlmostEquals: (
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
) => void = real.assertAlmostEquals;

/** See https://jsr.io/@std/assert/doc/~/assertArrayIncludes. */
export const assertArrayIncludes: <T>(
  actual: ArrayLikeArg<T>,
  expected: ArrayLikeArg<T>,
  msg?: string,
) => void = real.assertArrayIncludes;

/** See https://jsr.io/@std/assert/doc/~/assert. */
export const assert: (expr: unknown, msg?: string) => asserts expr = real.assert;

/** See https://jsr.io/@std/assert/doc/~/assertEquals. */
export const assertEquals: <T>(actual: T, expected: T, msg?: string) => void = real.assertEquals;

/** See https://jsr.io/@std/assert/doc/~/assertExists. */
export const assertExists: <T>(actual: T, msg?: string) => asserts actual is NonNullable<T> =
  real.assertExists;

/** See https://jsr.io/@std/assert/doc/~/assertFalse. */
export const assertFalse: (expr: unknown, msg?: string) => asserts expr is Falsy = real.assertFalse;

/** See https://jsr.io/@std/assert/doc/~/assertGreater. */
export const assertGreater: <T>(actual: T, expected: T, msg?: string) => void = real.assertGreater;

/** See https://jsr.io/@std/assert/doc/~/assertGreaterOrEqual. */
export const assertGreaterOrEqual: <T>(actual: T, expected: T, msg?: string) => void =
  real.assertGreaterOrEqual;

/** See https://jsr.io/@std/assert/doc/~/assertInstanceOf. */
export const assertInstanceOf: <T extends abstract new (...args: any[]) => any>(
  actual: unknown,
  expectedType: T,
  msg?: string,
) => asserts actual is InstanceType<T> = real.assertInstanceOf;

/** See https://jsr.io/@std/assert/doc/~/assertIsError. */
export const assertIsError: <E extends Error = Error>(
  error: unknown,
  ErrorClass?: abstract new (...args: any[]) => E,
  msgMatches?: string | RegExp,
  msg?: string,
) => asserts error is E = real.assertIsError;

/** See https://jsr.io/@std/assert/doc/~/assertLess. */
export const assertLess: <T>(actual: T, expected: T, msg?: string) => void = real.assertLess;

/** See https://jsr.io/@std/assert/doc/~/assertLessOrEqual. */
export const assertLessOrEqual: <T>(actual: T, expected: T, msg?: string) => void = real.assertLessOrEqual;

/** See https://jsr.io/@std/assert/doc/~/assertMatch. */
export const assertMatch: (actual: string, expected: RegExp, msg?: string) => void = real.assertMatch;

/** See https://jsr.io/@std/assert/doc/~/assertNotEquals. */
export const assertNotEquals: <T>(actual: T, expected: T, msg?: string) => void = real.assertNotEquals;

/** See https://jsr.io/@std/assert/doc/~/assertNotMatch. */
export const assertNotMatch: (actual: string, expected: RegExp, msg?: string) => void = real.assertNotMatch;

/** See https://jsr.io/@std/assert/doc/~/assertNotStrictEquals. */
export const assertNotStrictEquals: <T>(actual: T, expected: T, msg?: string) => void =
  real.assertNotStrictEquals;

/** See https://jsr.io/@std/assert/doc/~/assertObjectMatch. */
export const assertObjectMatch: (
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
) => void = real.assertObjectMatch;

/** See https://jsr.io/@std/assert/doc/~/assertRejects. */
export const assertRejects: {
  (fn: () => PromiseLike<unknown>, msg?: string): Promise<unknown>;
  <E extends Error = Error>(
    fn: () => PromiseLike<unknown>,
    ErrorClass: abstract new (...args: any[]) => E,
    msgIncludes?: string,
    msg?: string,
  ): Promise<E>;
} = real.assertRejects;

/** See https://jsr.io/@std/assert/doc/~/assertStrictEquals. */
export const assertStrictEquals: <T>(actual: unknown, expected: T, msg?: string) => asserts actual is T =
  real.assertStrictEquals;

/** See https://jsr.io/@std/assert/doc/~/assertStringIncludes. */
export const assertStringIncludes: (actual: string, expected: string, msg?: string) => void =
  real.assertStringIncludes;

/** See https://jsr.io/@std/assert/doc/~/assertThrows. */
export const assertThrows: {
  (fn: () => unknown, msg?: string): unknown;
  <E extends Error = Error>(
    fn: () => unknown,
    ErrorClass: abstract new (...args: any[]) => E,
    msgIncludes?: string,
    msg?: string,
  ): E;
} = real.assertThrows;

/** See https://jsr.io/@std/assert/doc/~/equal. */
export const equal: (a: unknown, b: unknown) => boolean = real.equal;

/** See https://jsr.io/@std/assert/doc/~/fail. */
export const fail: (msg?: string) => never = real.fail;

/** See https://jsr.io/@std/assert/doc/~/unimplemented. */
export const unimplemented: (msg?: string) => never = real.unimplemented;

/** See https://jsr.io/@std/assert/doc/~/unreachable. */
export const unreachable: (msg?: string) => never = real.unreachable;
