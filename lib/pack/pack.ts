import { concat } from "@std/bytes/concat";
import { basename } from "@std/path/posix/basename";
import { dirname } from "@std/path/posix/dirname";
import { resolve } from "@std/path/posix/resolve";
import { errorText } from "../core/errors.ts";
import { sha256Bytes } from "../core/hash.ts";
import { PACKED_REGISTRY } from "../core/packed.ts";
import { FURU_VERSION } from "../core/version.ts";
import { archiveOf, UNPACK_CODE } from "./archive.ts";
import { collect, type CollectOptions } from "./collect.ts";
import { headerText, type Piece } from "./header.ts";
import { CACHE_FOLDER, CONFIG_FILE, FURU_FOLDER } from "./layout.ts";
import { PackError } from "./pack_error.ts";

/** Options of {@link pack}. */
export interface PackOptions extends CollectOptions {
  /** The file to make; one of that name is replaced, once the new one is whole. */
  output: string;
}

/** The file that {@link pack} has made. */
export interface PackedFile {
  /** Absolute path. */
  path: string;
  /** Bytes. */
  size: number;
  /** The number of modules and other files in it. */
  files: number;
}

/**
 * Makes one executable file of Deno, furu and, where one is given, a pipeline with all that it imports. It
 * needs sh and coreutils where it runs, and nothing else: no Deno, no network.
 *
 * @throws {PackError} If modules are missing, the file cannot be written, or {@link checkPackable} refuses.
 * @throws {FuruError} If Deno fails, in Deno's own words.
 */
export async function pack(options: PackOptions): Promise<PackedFile> {
  const path = resolve(options.output);
  checkPackable();
  const { files, sources, pipeline, asModule } = await collect(options);
  await checkOutput(path, sources);
  const deno = await Deno.readFile(Deno.execPath());
  const unpacker = new TextEncoder().encode(UNPACK_CODE);
  const archive = archiveOf(files);
  const name = pipeline === undefined ? "furu" : basename(pipeline);
  const furu = (module: string): string => `${FURU_FOLDER}/${module}`;
  const main = pipeline === undefined
    ? furu("cli.ts")
    : asModule
    ? pipeline
    : furu("lib/cli/packed/packed_main.ts");
  const parts = [unpacker, archive, deno];
  const sums = await Promise.all(parts.map(sha256Bytes));
  const header = headerOf((length) => {
    let offset = length;
    const [unpackerAt, archiveAt, denoAt] = parts.map((part, index): Piece => {
      const piece = { offset, length: part.length, sha256: sums[index]! };
      offset += part.length;
      return piece;
    });
    return headerText({
      title:
        `${name}, packed by furu ${FURU_VERSION} with Deno ${Deno.version.deno} for ${Deno.build.target}`,
      size: offset + DIGEST_LENGTH,
      length,
      unpacker: unpackerAt!,
      archive: archiveAt!,
      deno: denoAt!,
      registry: PACKED_REGISTRY,
      paths: {
        config: CONFIG_FILE,
        cache: CACHE_FOLDER,
        boot: furu("lib/cli/packed/packed_boot.ts"),
        program: furu("cli.ts"),
        merge: furu("lib/pack/merge_main.ts"),
        main,
        pipeline,
      },
    });
  });
  const end = new TextEncoder().encode(await sha256Bytes(header));
  const whole = concat([header, ...parts, end]);
  await write(path, whole);
  return { path, size: whole.length, files: files.length };
}

/**
 * Refuses to pack where that makes no program that could run.
 *
 * @param build The Deno that would be packed, by default this one.
 * @throws {PackError} If this program is compiled, as it has no whole Deno to give away, or this is not
 * Linux.
 */
export function checkPackable(
  { os, standalone }: Pick<typeof Deno.build, "os" | "standalone"> = Deno.build,
): void {
  if (standalone) {
    throw new PackError(
      "Cannot pack as this program was compiled and has no whole Deno in it: use 'deno run'",
    );
  }
  if (os !== "linux") {
    throw new PackError(
      `Cannot pack on ${os} as a packed file holds the Deno that makes it, and starts on Linux only: ` +
        "pack on Linux, or use 'deno compile'",
    );
  }
}

/** The digest of the shell part, in hex, stands at the end of the file, since nothing can hold its own. */
const DIGEST_LENGTH = 64;

/** The shell part says how long it is, which may make it longer. */
function headerOf(make: (length: number) => string): Uint8Array {
  for (let length = 0;;) {
    const bytes = new TextEncoder().encode(make(length));
    if (bytes.length === length) return bytes;
    length = bytes.length;
  }
}

/** A file that is being packed is not to be lost. */
async function checkOutput(path: string, sources: ReadonlySet<string>): Promise<void> {
  const there = await Deno.realPath(path).catch(() => path);
  if (!sources.has(there)) return;
  throw new PackError(`Cannot make ${path} as that file is a part of what is packed: choose another name`);
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await replace(path, bytes);
  } catch (cause) {
    throw new PackError(`Cannot make ${path}: ${errorText(cause)}`, { cause });
  }
}

/** Programs that run the old file go on with it, and nobody sees a part of the new one. */
async function replace(path: string, bytes: Uint8Array): Promise<void> {
  const folder = dirname(path);
  await Deno.mkdir(folder, { recursive: true });
  const temporary = await Deno.makeTempFile({ dir: folder, prefix: ".furu-pack-" });
  try {
    await Deno.writeFile(temporary, bytes);
    await Deno.chmod(temporary, 0o755);
    await Deno.rename(temporary, path);
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
}
