import type { Runtime } from "../../run/runtime.ts";
import type { Artifact } from "../../task/artifact/artifact.ts";
import type { ArtifactSource } from "./payload.ts";
import { payloadReferences, readPayload } from "./payload_files.ts";

/** Beyond so many characters what was read is forgotten. */
const MAX_CHARS = 64 * 1024 * 1024;
/** So many files are read at the same time. */
const AT_ONCE = 32;

/**
 * What processes need in order to make the artifacts of a run again, read from its payloads: each file once,
 * however many artifacts are above it.
 */
export class PayloadSource {
  readonly #runtime: Pick<Runtime, "machine">;
  readonly #dir: string;
  readonly #maxChars: number;
  #known = new Map<string, ArtifactSource>();
  /** Hashes of which all below is known as well: nothing below them is looked at again. */
  #complete = new Set<string>();
  #chars = 0;

  /**
   * @param dir The folder of the run.
   * @param maxChars After so many characters it forgets.
   * @default {64 Mi}
   */
  constructor(runtime: Pick<Runtime, "machine">, dir: string, maxChars: number = MAX_CHARS) {
    this.#runtime = runtime;
    this.#dir = dir;
    this.#maxChars = maxChars;
  }

  /**
   * Tells about an artifact and any below it.
   *
   * @throws {ProtocolError} naming the payload that is missing or cannot be understood.
   * @throws {StoreError} when the system cannot read one.
   */
  readonly sourcesOf = async (
    { hash: root }: Pick<Artifact, "hash">,
  ): Promise<(hash: string) => ArtifactSource> => {
    if (this.#chars > this.#maxChars) {
      // Anew, not emptied: what was told about before goes on being told.
      this.#known = new Map();
      this.#complete = new Set();
      this.#chars = 0;
    }
    const known = this.#known;
    const complete = this.#complete;
    const met = new Set<string>();
    const open: string[] = [root];
    for (let from = 0; from < open.length;) {
      const some = open.slice(from, from + AT_ONCE);
      from += some.length;
      const batch = [...new Set(some)]
        .filter((hash) => !met.has(hash) && !complete.has(hash));
      for (const hash of batch) met.add(hash);
      const found = await Promise.all(
        batch.map(async (hash) => known.get(hash) ?? await this.#read(known, hash)),
      );
      // One by one: a call takes no more than some 100,000 arguments.
      for (const { dependencies } of found) for (const below of dependencies) open.push(below);
    }
    for (const hash of met) complete.add(hash);
    return (hash) => {
      const source = known.get(hash);
      if (!source) throw new Error(`Cannot tell about artifact ${hash}, which is not below ${root}`);
      return source;
    };
  };

  async #read(known: Map<string, ArtifactSource>, hash: string): Promise<ArtifactSource> {
    const payload = await readPayload(this.#runtime, this.#dir, hash);
    const source = { ...payload, dependencies: payloadReferences(payload) };
    if (known === this.#known && !known.has(hash)) this.#chars += payload.params.length + hash.length;
    known.set(hash, source);
    return source;
  }
}
