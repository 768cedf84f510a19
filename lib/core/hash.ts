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
 * So many half kilobytes, of texts that are at least as long, are worth the time that it takes to load
 * node:crypto: of shorter texts it makes digests hardly faster, of long ones more than ten times.
 */
const MANY = 2000;

const encoder = new TextEncoder();
let made = 0;
let native: (() => import("node:crypto").Hash) | undefined;
let whileLoading: (load: () => void) => void = (load) => load();

/**
 * From now on node:crypto is loaded within this function: in a process that computes that happens while a
 * task runs, whose doing it would be taken for.
 */
export function loadNodeWithin(around: (load: () => void) => void): void {
  whileLoading = around;
}

/**
 * The SHA-256 of the UTF-8 bytes of a text, as 64 hex digits. Most processes hash short texts: to load
 * node:crypto for them would take 15 ms, a quarter of what a worker may take to start.
 */
export function sha256(text: string): string {
  if (native === undefined && (made += text.length >> 9) >= MANY) loadNative();
  return native?.().update(text).digest("hex") ?? bytesToHex(digestOf(encoder.encode(text)));
}

/** A SHA-256 that is made piece by piece. */
export interface Sha256 {
  /** Takes what comes next. */
  update(piece: string | Uint8Array): unknown;
  /** The digest, as 64 hex digits. Nothing can be added afterwards. */
  digest(form: "hex"): string;
}

/** Begins the SHA-256 of something long. */
export function longSha256(): Sha256 {
  if (native === undefined) loadNative();
  return native!();
}

/** The SHA-256 of bytes, as 64 hex digits. */
export async function sha256Bytes(bytes: Uint8Array): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as Uint8Array<ArrayBuffer>);
  return bytesToHex(new Uint8Array(digest));
}

/**
 * On demand and at once, as only this call can: an `import` would be loaded by every process, or be awaited.
 */
function loadNative(): void {
  whileLoading(() => {
    const { process } = globalThis as unknown as { process: typeof import("node:process") };
    const { createHash } = process.getBuiltinModule("node:crypto");
    native = () => createHash("sha256");
  });
}
