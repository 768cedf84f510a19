import type { ArtifactPayload } from "./protocol.ts";

/** What a process needs in order to make one artifact again. */
export interface ArtifactSource extends ArtifactPayload {
  /** Hashes of all artifacts that it needs to know first. */
  dependencies: readonly string[];
}

/** Beyond so many characters a process is told to forget what it knows. */
const MAX_KNOWN_CHARS = 64 * 1024 * 1024;

/**
 * Which artifacts a process knows, so that each is sent once: without it, a run of n artifacts in layers would send
 * n² / 2 of them.
 */
export class KnownArtifacts {
  readonly #known = new Set<string>();
  readonly #limit: number;
  #chars = 0;

  /** @param limit After so many characters a process forgets. @default 64 Mi */
  constructor(limit: number = MAX_KNOWN_CHARS) {
    this.#limit = limit;
  }

  /**
   * What has to be sent before the process can compute an artifact.
   *
   * @param root Its hash.
   * @param source Tells about any artifact below it.
   */
  missing(root: string, source: (hash: string) => ArtifactSource): {
    artifacts: Record<string, ArtifactPayload>;
    forget?: true;
  } {
    const forget = this.#chars > this.#limit;
    if (forget) {
      this.#known.clear();
      this.#chars = 0;
    }
    const artifacts: Record<string, ArtifactPayload> = {};
    const open = [root];
    for (let hash = open.pop(); hash !== undefined; hash = open.pop()) {
      // All below a known artifact was sent with it.
      if (this.#known.has(hash)) continue;
      this.#known.add(hash);
      const { dependencies, ...payload } = source(hash);
      artifacts[hash] = payload;
      const { module, name, params } = payload;
      this.#chars += hash.length + name.length + params.length + (module?.length ?? 0);
      open.push(...dependencies);
    }
    return forget ? { artifacts, forget: true } : { artifacts };
  }
}
