/** Stand-in for `jsr:@std/testing/types`: what furu uses of it, written by hand. @module */

/** Fails to compile unless the type argument is `true`. See https://jsr.io/@std/testing/doc/types/~/assertType. */
export function assertType<T extends boolean>(_expectTypeToBeTrue: T): void {}

/** Are both the same type? `any` and `never` equal only themselves. */
export type IsExact<T, U> = (<X>() => X extends T ? 1 : 2) extends (<X>() => X extends U ? 1 : 2) ? true
  : Flat<T> extends infer A
    ? Flat<U> extends infer B ? (<X>() => X extends A ? 1 : 2) extends (<X>() => X extends B ? 1 : 2) ? true
      : false
    : false
  : false;

/** An intersection of objects is the same type as the object with all of their properties. */
type Flat<T> = T extends (...args: never) => unknown ? T : { [K in keyof T]: Flat<T[K]> };

/** Can a value of the second type be used where the first is wanted, and has it all of it? */
export type Has<T, U> = IsAny<T> extends true ? true
  : IsAny<U> extends true ? false
  : [Extract<T, U>] extends [never] ? false
  : true;

/** Is it `any`? */
export type IsAny<T> = 0 extends (1 & T) ? true : false;

/** Is it `never`? */
export type IsNever<T> = [T] extends [never] ? true : false;
