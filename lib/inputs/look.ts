import { join } from "@std/path/posix/join";
import { errorCode, errorText, ValidationError } from "../core/errors.ts";
import { sha256 } from "../core/hash.ts";
import { compareText } from "../core/json/encode_tagged.ts";
import type { InputType } from "../core/json/input_file.ts";

/** What is at a place, without reading any content. */
export interface InputLook {
  /** The files by their paths as seen from the folder, in their order; of a file just itself, `""`. */
  readonly files: ReadonlyMap<string, SeenFile>;
  /** Folders, empty ones too, as seen from the folder, in their order. */
  readonly folders: readonly string[];
  /** Stands for the names and stamps of all. */
  readonly stamp: string;
}

/** A file without its content. */
export interface SeenFile {
  /** Its size in bytes. */
  readonly size: number;
  /** When it was changed last, by the clock of its file system. */
  readonly changedMs: number;
  /** Its size, times and inode: as long as they are the same, so is the content. */
  readonly stamp: string;
}

/** So many names are looked at between two turns of the event loop. */
const AT_ONCE = 500;

/**
 * Looks at a file, or at all that is in a folder. Links are followed.
 *
 * @param path Absolute.
 * @throws {ValidationError} If there is none, if something else is there, or if a folder holds what has no
 * content that could count: a pipe, a socket, a device, a link to nothing or to a folder that it is in.
 */
export async function look(kind: InputType, path: string): Promise<InputLook> {
  const info = statOf(path, kind, path);
  if (kind === "file") {
    if (info.isDirectory) throw refusal(kind, path, "it is a folder: use folder(path)");
    if (!info.isFile) throw refusal(kind, path, "it is a pipe, a socket or a device");
    const seen = seenFile(openedStat(path));
    return { files: new Map([["", seen]]), folders: [], stamp: seen.stamp };
  }
  if (!info.isDirectory) throw refusal(kind, path, "it is no folder: use file(path)");
  return await new Walk(path).look();
}

/** Through a handle, so that a file server's cache of attributes tells nothing old. */
function openedStat(path: string): Deno.FileInfo {
  try {
    using file = Deno.openSync(path);
    return file.statSync();
  } catch (error) {
    throw unreadable("file", path, error);
  }
}

function seenFile({ size, mtime, ctime, ino }: Deno.FileInfo): SeenFile {
  const [changed, noted] = [mtime?.getTime() ?? 0, ctime?.getTime() ?? 0];
  return { size, changedMs: Math.max(changed, noted), stamp: `${size}-${changed}-${noted}-${ino ?? 0}` };
}

function statOf(path: string, kind: InputType, whole: string): Deno.FileInfo {
  try {
    return Deno.statSync(path);
  } catch (error) {
    if (path !== whole && errorCode(error) === "ENOENT") {
      throw refusal(kind, whole, `'${path}' in it is a link to what is not there, or is just being removed`);
    }
    throw unreadable(kind, path, error);
  }
}

/** Why a file or a folder cannot be a parameter. */
export function unreadable(kind: InputType, path: string, cause: unknown): ValidationError {
  const why = errorCode(cause) === "ENOENT" ? `there is no such ${kind}` : errorText(cause);
  return refusal(kind, path, why, cause);
}

function refusal(kind: InputType, path: string, why: string, cause?: unknown): ValidationError {
  return new ValidationError(`Cannot use ${kind} '${path}' as a parameter: ${why}`, { cause });
}

function realPathIn(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch (error) {
    throw unreadable("folder", path, error);
  }
}

class Walk {
  readonly #root: string;
  readonly #files: [name: string, seen: SeenFile][] = [];
  readonly #folders: string[] = [];
  #turn = 0;

  constructor(root: string) {
    this.#root = root;
  }

  async look(): Promise<InputLook> {
    await this.#folder(this.#root, "", [realPathIn(this.#root)]);
    this.#files.sort(([a], [b]) => compareText(a, b));
    this.#folders.sort(compareText);
    const lines = [...this.#files.map(([name, { stamp }]) => `${name}\0${stamp}`), ...this.#folders];
    return {
      files: new Map(this.#files),
      folders: this.#folders,
      stamp: sha256(lines.join("\n")).slice(0, 32),
    };
  }

  /** @param above Where the folder, and those that it is in, really are. */
  async #folder(path: string, prefix: string, above: readonly string[]): Promise<void> {
    for (const entry of this.#list(path)) {
      if (++this.#turn % AT_ONCE === 0) await new Promise((go) => setTimeout(go));
      const [here, name] = [join(path, entry.name), `${prefix}${entry.name}`];
      const info = statOf(here, "folder", this.#root);
      if (info.isFile) this.#files.push([name, seenFile(info)]);
      else if (info.isDirectory) {
        const real = entry.isSymlink ? realPathIn(here) : join(above.at(-1)!, entry.name);
        if (above.includes(real)) {
          throw refusal("folder", this.#root, `'${here}' is a link to a folder that it is in itself`);
        }
        this.#folders.push(name);
        await this.#folder(here, `${name}/`, [...above, real]);
      } else throw refusal("folder", this.#root, `'${here}' in it is a pipe, a socket or a device`);
    }
  }

  #list(path: string): Deno.DirEntry[] {
    try {
      return [...Deno.readDirSync(path)];
    } catch (error) {
      throw unreadable("folder", path, error);
    }
  }
}
