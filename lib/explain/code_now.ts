import { fromFileUrl } from "@std/path/posix/from-file-url";
import { join } from "@std/path/posix/join";
import { toFileUrl } from "@std/path/posix/to-file-url";
import { errorText } from "../core/errors.ts";
import { readManifest } from "../snapshot/manifest.ts";
import type { SuccessRecord } from "../store/record.ts";
import { type TaskCode, taskCode } from "../store/results/task_code.ts";
import type { Store } from "../store/store.ts";

/** Today's code of a task beside the one that computed a result. */
export interface CodeNow {
  /** Whether it is the same. */
  readonly now: "same" | "changed" | "unknown";
  /** Why that is not known. */
  readonly why?: string;
  /** The module that defines the task: a path. */
  readonly module?: string;
  /** The modules of today's code that were written after the result, where it has changed. */
  readonly modified?: readonly string[];
  /** Whether `deno.lock`, which pins the packages, is another one. */
  readonly lockChanged?: true;
}

/** What a record says of the code of its task. */
interface RecordedCode {
  module?: string;
  moduleDigest?: string;
  lockDigest?: string;
  snapshot?: string;
}

/** Compares the code that results were computed with with today's, which it reads once for each module. */
export class CodeComparison {
  readonly #store: Store;
  readonly #codes = new Map<string, TaskCode | undefined>();
  readonly #places = new Map<string, Promise<string>>();

  /** @param store Where the results are. */
  constructor(store: Store) {
    this.#store = store;
  }

  /**
   * Compares the code of one result's task: the module that defines it, and all that this imports.
   *
   * @param module URL of the module that defines the task today.
   * @default {where it was}
   * @returns Nothing where the record does not say what code that was.
   */
  async of(
    { provenance, createdAt }: Pick<SuccessRecord, "provenance" | "createdAt">,
    module?: string,
  ): Promise<CodeNow | undefined> {
    const { module: recorded, moduleDigest, lockDigest, snapshot } = (provenance.code ?? {}) as RecordedCode;
    if (recorded === undefined || moduleDigest === undefined) return undefined;
    try {
      const place = () => placeOf(this.#store, recorded, snapshot);
      const url = module ?? await once(this.#places, recorded, place);
      const code = once(this.#codes, url, () => taskCode(url));
      const path = url.startsWith("file:") ? fromFileUrl(url) : url;
      if (code === undefined) return { now: "unknown", why: `${path} cannot be read`, module: path };
      const lock = lockDigest !== undefined && code.lock !== lockDigest ? { lockChanged: true as const } : {};
      if (code.digest === moduleDigest) return { now: "same", module: path, ...lock };
      return { now: "changed", module: path, modified: writtenAfter(code.paths, createdAt), ...lock };
    } catch (error) {
      return { now: "unknown", why: errorText(error) };
    }
  }
}

function once<T>(known: Map<string, T>, key: string, make: () => T): T {
  if (!known.has(key)) known.set(key, make());
  return known.get(key) as T;
}

/** Code of a run on Slurm lies in a snapshot: where that was taken from the code of today is. */
async function placeOf(store: Store, module: string, snapshot: string | undefined): Promise<string> {
  const [, name] = snapshot === undefined ? [] : module.split(`/snapshots/${snapshot}/code/`);
  if (snapshot === undefined || name === undefined) return module;
  const manifest = await readManifest(store, snapshot);
  if (!manifest) throw new Error(`its snapshot ${snapshot} is gone`);
  return toFileUrl(join(manifest.base, fromFileUrl(`file:///${name}`))).href;
}

function writtenAfter(paths: readonly string[], createdAt: string): string[] {
  const at = Date.parse(createdAt);
  return paths.filter((path) => {
    try {
      return (Deno.statSync(path).mtime?.getTime() ?? 0) > at;
    } catch {
      return false;
    }
  });
}
