import { packed } from "../../core/packed.ts";
import { isNodeLoaded } from "./owned.ts";

/**
 * Notes the calls that can give an object a property by a name that `Object.keys` does not list. All else
 * that adds one adds it listed: assignments, declarations, `__defineGetter__`. (`Error.captureStackTrace`
 * and the like do not, but always add the same.) To count what is listed takes a quarter of the time of
 * listing all.
 */
let noted = NaN;

/**
 * Counts them from now on. It is for a process of furu's own, before anybody else's code runs, which could
 * have kept the functions as they were.
 */
export function watchDefinitions(): void {
  if (noted === noted || othersWereFirst()) return;
  const { defineProperty, defineProperties } = Object;
  const { defineProperty: reflectDefine } = Reflect;
  // Without lists of arguments: the calls take no longer than before, and use nothing that a task can change.
  const all =
    put(Object, "defineProperty", 3, (object: object, key: PropertyKey, how: PropertyDescriptor) => {
      noted++;
      return defineProperty(object, key, how);
    }) && put(Object, "defineProperties", 2, (object: object, how: PropertyDescriptorMap) => {
      noted++;
      return defineProperties(object, how);
    }) && put(Reflect, "defineProperty", 3, (object: object, key: PropertyKey, how: PropertyDescriptor) => {
      noted++;
      return reflectDefine(object, key, how);
    });
  if (all) noted = 0;
}

/**
 * How many calls there were; `NaN`, which equals nothing, where there may be others. Node's modules bring
 * contexts with functions of their own (`node:vm`), and native code.
 */
export function definitionsNoted(): number {
  return isNodeLoaded() ? NaN : noted;
}

const { defineProperty: define } = Reflect;

/** Bound, it shows as native code: programs look whether it is before they use it. */
function put(object: object, name: string, length: number, noting: (...args: never[]) => unknown): boolean {
  const bound = noting.bind(undefined);
  define(bound, "name", { value: name, configurable: true });
  define(bound, "length", { value: length, configurable: true });
  return define(object, name, { value: bound, writable: true, enumerable: false, configurable: true });
}

/** Whether modules of the user's have run already: a program that holds its pipeline, or by an option. */
function othersWereFirst(): boolean {
  if (Deno.build.standalone || packed() !== undefined) return true;
  try {
    if (Deno.env.get("NODE_OPTIONS")) return true;
    const words = Deno.readTextFileSync("/proc/self/cmdline").split("\0");
    return words.some((word) => /^--(preload|import|require)\b/.test(word));
  } catch {
    return true;
  }
}
