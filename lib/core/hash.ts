import { sha256 } from "./sha256.ts";

/** The first 32 hex digits of the SHA-256 of an artifact's identity. */
export type Hash = string & { readonly __brand: "Hash" };

/** The hash of a text: the first 32 hex digits (128 bits) of the SHA-256 of its UTF-8 bytes. */
export function hashText(text: string): Hash {
  return sha256(text).slice(0, 32) as Hash;
}

/** Is this text of the form of a {@link Hash}? */
export function isHash(text: string): text is Hash {
  return /^[0-9a-f]{32}$/.test(text);
}

/** How people see an artifact: its task's name and the first 8 digits of its hash. */
export function artifactLabel(name: string, hash: string): string {
  return `${name}(${hash.slice(0, 8)})`;
}

/** So many artifacts of a chain are named. */
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
