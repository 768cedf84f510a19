import { sha256 as digestOf } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

/** The first 32 hex digits of the SHA-256 of an artifact's identity. */
export type Hash = string & { readonly __brand: "Hash" };

/** The hash of a text: the first 32 hex digits (128 bits) of the SHA-256 of its UTF-8 bytes. */
export function hashText(text: string): Hash {
  return sha256(text).slice(0, 32) as Hash;
}

/** Whether this text has the form of a {@link Hash}. */
export function isHash(text: string): text is Hash {
  return /^[0-9a-f]{32}$/.test(text);
}

/** How people see an artifact: its task's name and the first 8 digits of its hash. */
export function artifactLabel(name: string, hash: string): string {
  return `${name}(${hash.slice(0, 8)})`;
}

/** The number of artifacts of a chain that are named. */
const NAMED = 10;

/**
 * A chain of artifacts for people, `toy/Eval(12ab34cd) -> toy/Train(4f0c12ab)`, without the middle of a long
 * one.
 */
export function chainText(labels: readonly string[]): string {
  const shown = labels.length <= NAMED ? labels : [
    ...labels.slice(0, NAMED - 1),
    `... ${labels.length - NAMED} more ...`,
    labels.at(-1)!,
  ];
  return shown.join(" -> ");
}

/**
 * The number of digests (each half kilobyte counts as one more) from which on node:crypto, which is four
 * times as fast, is worth the time that it takes to load.
 */
const MANY = 2000;

const encoder = new TextEncoder();
let made = 0;
let native: ((text: string) => string) | undefined;
let mayLoadNode = true;

/**
 * From now on node:crypto is not loaded: in a process that computes it would be loaded while a task runs,
 * whose doing it would be taken for.
 */
export function hashWithoutNode(): void {
  mayLoadNode = false;
}

/**
 * The SHA-256 of the UTF-8 bytes of a text, as 64 hex digits. Most processes make few: to load node:crypto
 * for them would take 15 ms, a quarter of what a worker may take to start.
 */
export function sha256(text: string): string {
  if (native) return native(text);
  if ((made += 1 + (text.length >> 9)) >= MANY && mayLoadNode) return (native = nodeCrypto())(text);
  return bytesToHex(digestOf(encoder.encode(text)));
}

/**
 * On demand and at once, as only this call can: an `import` would be loaded by every process, or be awaited.
 */
function nodeCrypto(): (text: string) => string {
  const { process } = globalThis as unknown as { process: typeof import("node:process") };
  const { createHash } = process.getBuiltinModule("node:crypto");
  return (text) => createHash("sha256").update(text).digest("hex");
}
