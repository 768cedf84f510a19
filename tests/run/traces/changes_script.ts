/**
 * Changes what belongs to the language, one way after another, in a process without node's `process` where
 * the time stands still, so that nothing is looked at because its time has come. Prints as JSON what was found
 * of each, and of what is no change.
 */
import { inherits } from "node:util"; // which does not load node's process

performance.now = () => 0;
const { definitionsNoted, watchDefinitions } = await import("../../../lib/run/traces/definitions.ts");
const { Builtins } = await import("../../../lib/run/traces/builtins.ts");

const native = { object: Object.defineProperty, reflect: Reflect.defineProperty };
watchDefinitions();
// deno-lint-ignore no-explicit-any -- tasks that behave badly
const any = globalThis as any;
const value = { value: 1, configurable: true };
any.addedBefore = undefined;
Object.assign(any.console, { toString: Object.prototype.toString });

const ways: Record<string, () => unknown> = {
  nothing: () => {},
  definesItsOwn: () => Object.defineProperty({}, "trace", value),
  assigned: () => any.Array.prototype.trace = 1,
  assignedGlobal: () => any.trace = 1,
  declared: () => (0, eval)("var trace = 1"),
  symbol: () => any.Array.prototype[Symbol.for("trace")] = 1,
  index: () => any.Array.prototype[0] = 1,
  field: () => {
    const Returned = function () {
      return Map.prototype;
    } as unknown as new () => object;
    class Adds extends Returned {
      trace = 1;
    }
    return new Adds();
  },
  getter: () => any.Set.prototype.__defineGetter__("trace", () => 1),
  hidden: () => Object.defineProperty(String.prototype, "trace", value),
  hiddenMany: () => Object.defineProperties(Math, { trace: value }),
  hiddenByReflect: () => Reflect.defineProperty(JSON, "trace", value),
  hiddenByCall: () => Object.defineProperty.call(undefined, Promise, "trace", value),
  hiddenBehindProxy: () => Object.defineProperty(new Proxy(Number.prototype, {}), "trace", value),
  hiddenSymbol: () => Object.defineProperty(Date.prototype, Symbol.for("trace"), value),
  stack: () => Error.captureStackTrace(RegExp.prototype),
  inherits: () => inherits(Array, Object),
  deleted: () => delete any.Math.random,
  deletedUndefined: () => delete any.addedBefore,
  deletedInherited: () => delete any.console.toString,
  replacedBehindCount: () => (delete any.addedBefore, any.trace = 1),
  accessor: () => Object.defineProperty(Map.prototype, "size", { get: () => 1, configurable: true }),
  accessorLost: () => delete any.Set.prototype.size,
  accessorAssigned: () => (delete any.Set.prototype.size, any.Set.prototype.size = 1),
  accessorListed: () => any.Set.prototype.__defineGetter__("size", () => 1),
  accessorBehindCount: () => (delete any.addedBefore, any.__defineGetter__("WebSocket", () => 1)),
  changed: () => any.Date.now = () => 1,
  changedGlobal: () => any.fetch = () => 1,
  prototype: () => Object.setPrototypeOf(Math, {}),
};

const builtins = new Builtins(true);
// The first looks are at all of it.
for (let i = 0; i < 20; i++) builtins.putBack();
const found: Record<string, unknown> = {};
for (const name in ways) {
  const noted = definitionsNoted();
  ways[name]!();
  const calls = definitionsNoted() - noted;
  const changes = builtins.putBack().map(({ name, restored }) =>
    `${name}${restored ? "" : ", not restored"}`
  );
  found[name] = { changes, noted: calls > 0, again: builtins.putBack().length };
}
const { defineProperty } = Object;
console.log(JSON.stringify({
  found,
  trusted: definitionsNoted() >= 0,
  looks: [String(defineProperty), defineProperty.name, defineProperty.length, Object.keys(Object)],
  native: [String(native.object), native.object.name, native.object.length, []],
  replaced: defineProperty !== native.object && Reflect.defineProperty !== native.reflect,
  failed: Reflect.defineProperty(Object.freeze({}), "trace", value),
}));
