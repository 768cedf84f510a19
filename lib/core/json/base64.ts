/** What V8 itself can since Deno 2.5: older ones lack it, and their compilers do not know of it. */
const { fromBase64: decode } = Uint8Array as { fromBase64?: (text: string) => Uint8Array<ArrayBuffer> };
const canEncode = "toBase64" in Uint8Array.prototype;

/** Node's way, for those: every Deno has it, and loads it when it is asked for. */
interface NodeBuffer {
  from(data: ArrayBufferLike, start: number, length: number): { toString(encoding: "base64"): string };
  from(text: string, encoding: "base64"): Uint8Array;
}

/** Bytes as base64, with padding. */
export function toBase64(bytes: Uint8Array): string {
  return canEncode ? (bytes as unknown as { toBase64(): string }).toBase64() : toBase64ByNode(bytes);
}

/**
 * The bytes that base64 stands for.
 *
 * @throws {Error} If it is not base64.
 */
export function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  return decode?.(text) ?? fromBase64ByNode(text);
}

/** As {@link toBase64}, where V8 cannot. */
export function toBase64ByNode({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return nodeBuffer().from(buffer, byteOffset, byteLength).toString("base64");
}

/** As {@link fromBase64}, where V8 cannot: padding has to be there. */
export function fromBase64ByNode(text: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(nodeBuffer().from(text, "base64"));
  // It passes over what it does not know.
  if (toBase64ByNode(bytes) !== text) throw new Error("This is not base64");
  return bytes;
}

function nodeBuffer(): NodeBuffer {
  return (globalThis as unknown as { Buffer: NodeBuffer }).Buffer;
}
