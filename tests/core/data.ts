import fc from "fast-check";

/** Stands for an artifact where only its name and hash matter. */
export class FakeArtifact {
  constructor(readonly name: string, readonly hash: string) {}
}

/** For the encoders. */
export function fakeReference(value: object): readonly [string, string] | undefined {
  return value instanceof FakeArtifact ? [value.name, value.hash] : undefined;
}

const TYPED = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Uint16Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
];

const numbers = fc.double({ noNaN: true, noDefaultInfinity: true });
const keys = fc.oneof(
  fc.constantFrom(
    "a",
    "b",
    "$",
    "$$",
    "$a",
    "$date",
    "$artifact",
    "$bigint",
    "__proto__",
    "toJSON",
    "1",
    "é",
    "",
  ),
  fc.string({ unit: "binary", maxLength: 3 }),
);
const strings = fc.oneof(
  fc.string({ maxLength: 5 }),
  // Any code units, lone surrogates included.
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 3 }).map((units) =>
    String.fromCharCode(...units)
  ),
  fc.constantFrom("1", "NaN", "\ud800", "\udc00", "\ufffd", "2020-01-01T00:00:00.000Z", "$a"),
);
const leaves: fc.Arbitrary<unknown> = fc.oneof(
  strings,
  numbers,
  fc.constantFrom(0, -0, 1, 1.5, 1e21, null, true, false, 1n, 0n, -1n, "1"),
  fc.bigInt(),
  fc.date({ noInvalidDate: true }),
  fc.tuple(fc.constantFrom(...TYPED), fc.uint8Array({ maxLength: 3 })).map(([type, bytes]) =>
    new type(new Uint8Array([...bytes, ...new Array(24 - bytes.length).fill(0)]).buffer)
  ),
  fc.tuple(fc.constantFrom("a", "b"), fc.constantFrom("0".repeat(32), "1".repeat(32)))
    .map(([name, hash]) => new FakeArtifact(name, hash)),
);

/** Data as parameters may hold it, with all that is easily taken for something else. */
export const data: fc.Arbitrary<unknown> = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaves,
    tie("object"),
    tie("list"),
    tie("keyed"),
  ),
  object: fc.array(fc.tuple(keys, tie("value")), { maxLength: 4 }).map(Object.fromEntries),
  list: fc.array(tie("value"), { maxLength: 4 }),
  keyed: fc.oneof(
    fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 3 }).map((entries) => new Map(entries)),
    fc.array(tie("value"), { maxLength: 3 }).map((members) => new Set(members)),
  ),
})).value;

/** The same data built again with keys, members and entries in reverse order. */
export function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (value instanceof Map) return new Map([...value].reverse().map(([k, v]) => [reversed(k), reversed(v)]));
  if (value instanceof Set) return new Set([...value].reverse().map(reversed));
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).reverse().map(([key, item]) => [key, reversed(item)]));
}

/** Are they the same data? Written without any text form, as a check of the one that has one. */
export function same(a: unknown, b: unknown): boolean {
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) return false;
  if (a instanceof FakeArtifact) {
    return a.name === (b as FakeArtifact).name && a.hash === (b as FakeArtifact).hash;
  }
  if (a instanceof Date) return a.getTime() === (b as Date).getTime();
  if (ArrayBuffer.isView(a)) return sameBytes(a, b as ArrayBufferView);
  if (Array.isArray(a)) {
    return a.length === (b as unknown[]).length && a.every((item, i) => same(item, (b as unknown[])[i]));
  }
  if (a instanceof Set) return sameBag([...a], [...b as Set<unknown>]);
  if (a instanceof Map) return sameBag([...a], [...b as Map<unknown, unknown>]);
  const keysOfA = Object.keys(a);
  return keysOfA.length === Object.keys(b).length &&
    keysOfA.every((key) => Object.hasOwn(b, key) && same(own(a, key), own(b, key)));
}

function own(value: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(value, key)?.value;
}

function sameBag(a: unknown[], b: unknown[]): boolean {
  const rest = [...b];
  return a.length === b.length && a.every((item) => {
    const index = rest.findIndex((other) => same(item, other));
    if (index >= 0) rest.splice(index, 1);
    return index >= 0;
  });
}

function sameBytes(a: ArrayBufferView, b: ArrayBufferView): boolean {
  const [x, y] = [a, b].map((view) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  return x!.length === y!.length && x!.every((byte, i) => byte === y![i]);
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
