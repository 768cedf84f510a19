import { sha256 as digestOf } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

/** After so many digests, each with as many more as it has half kilobytes, node:crypto, which is four times as fast, is worth what it takes to load. */
const MANY = 2000;

const encoder = new TextEncoder();
let made = 0;
let native: ((text: string) => string) | undefined;

/**
 * The SHA-256 of the UTF-8 bytes of a text, as 64 hex digits. Most processes make few: to load node:crypto for them would
 * take 15 ms, a quarter of what a worker may take to start.
 */
export function sha256(text: string): string {
  if (native) return native(text);
  if ((made += 1 + (text.length >> 9)) >= MANY) return (native = nodeCrypto())(text);
  return bytesToHex(digestOf(encoder.encode(text)));
}

/** On demand and at once, as only this call can: an `import` would be loaded by every process, or be awaited. */
function nodeCrypto(): (text: string) => string {
  const { process } = globalThis as unknown as { process: typeof import("node:process") };
  const { createHash } = process.getBuiltinModule("node:crypto");
  return (text) => createHash("sha256").update(text).digest("hex");
}
