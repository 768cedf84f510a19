import type { ArtifactPayload } from "./protocol.ts";

/** All that a process needs in order to make one artifact again. */
export interface ArtifactSource extends ArtifactPayload {
  /** Hashes of all artifacts that it needs to know first. */
  dependencies: readonly string[];
}

/** The artifacts that a process is sent before, or with, a task. */
export interface Payload {
  /** Artifacts that it does not know, by hash. */
  artifacts: Record<string, ArtifactPayload>;
  /** The parameters of an artifact begin with these, one after the other: its own message has the rest. */
  parts?: { hash: string; params: string }[];
  /** It is to forget all that it knows. */
  forget?: true;
}

/** Beyond so many characters, or artifacts, a process is told to forget what it knows. */
const MAX_KNOWN_CHARS = 64 * 1024 * 1024;
const MAX_KNOWN = 100_000;
/**
 * About so many characters go into a message: one of hundreds of megabytes would have to be held several
 * times.
 */
const MESSAGE_CHARS = 4 * 1024 * 1024;

/**
 * Which artifacts a process knows, so that each is sent once: without it, a run of n artifacts in layers
 * would send n² / 2 of them.
 */
export class KnownArtifacts {
  readonly #known = new Set<string>();
  readonly #limit: number;
  readonly #messageChars: number;
  #chars = 0;

  /**
   * @param limit After so many characters a process forgets.
   * @default {64 Mi}
   * @param messageChars So many characters go into a message.
   * @default {4 Mi}
   */
  constructor(limit: number = MAX_KNOWN_CHARS, messageChars: number = MESSAGE_CHARS) {
    this.#limit = limit;
    this.#messageChars = messageChars;
  }

  /**
   * What has to be sent before the process can compute an artifact, in pieces of bounded size, each made when
   * it is asked for: at least one, and mostly not more.
   *
   * @param root Its hash.
   * @param source Tells about any artifact below it.
   */
  *missing(root: string, source: (hash: string) => ArtifactSource): Generator<Payload> {
    let payload: Payload = { artifacts: {} };
    if (this.#chars > this.#limit || this.#known.size > MAX_KNOWN) {
      payload.forget = true;
      this.#known.clear();
      this.#chars = 0;
    }
    let chars = 0;
    const most = this.#messageChars;
    const open = [root];
    for (let hash = open.pop(); hash !== undefined; hash = open.pop()) {
      // All below a known artifact was sent with it.
      if (this.#known.has(hash)) continue;
      this.#known.add(hash);
      const { dependencies, params, ...about } = source(hash);
      let sent = 0;
      for (; params.length - sent > most; sent += most) {
        if (chars > 0) yield payload;
        yield {
          ...(chars > 0 ? { artifacts: {} } : payload),
          parts: [{ hash, params: params.slice(sent, sent + most) }],
        };
        payload = { artifacts: {} };
        chars = 0;
      }
      const rest = sent === 0 ? params : params.slice(sent);
      const length = hash.length + about.name.length + rest.length + (about.module?.length ?? 0);
      if (chars > 0 && chars + length > most) {
        yield payload;
        payload = { artifacts: {} };
        chars = 0;
      }
      payload.artifacts[hash] = { ...about, params: rest };
      chars += length;
      this.#chars += sent + length;
      // One by one: a call takes no more than some 100,000 arguments.
      for (const below of dependencies) open.push(below);
    }
    yield payload;
  }
}
