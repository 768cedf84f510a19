import { sha256 as digestOf } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";

const encoder = new TextEncoder();

/**
 * The SHA-256 of the UTF-8 bytes of a text, as 64 hex digits. For the short texts that identities are it is not much
 * slower than node:crypto, which takes a process 15 ms to load: a quarter of what a worker may take to start.
 */
export function sha256(text: string): string {
  return bytesToHex(digestOf(encoder.encode(text)));
}
