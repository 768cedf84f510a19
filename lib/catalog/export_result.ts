import { createHash } from "node:crypto";
import { dirname } from "@std/path/posix/dirname";
import { join } from "@std/path/posix/join";
import { errorCode, StoreError } from "../core/errors.ts";
import type { Hash } from "../core/hash.ts";
import { decodeTagged } from "../core/json/decode_tagged.ts";
import { withInputPaths } from "../core/json/input_file.ts";
import { TAG, type TypedArray } from "../core/json/tags.ts";
import { attemptPaths } from "../store/layout.ts";
import type { SuccessRecord } from "../store/record.ts";
import type { Store } from "../store/store.ts";
import { namedArtifacts } from "./references.ts";
import { inputPathsIn, plainParams } from "./read_entries.ts";

/** A file of an export. */
export interface ExportedFile {
  /** Its path, as seen from the manifest. */
  readonly path: string;
  /** Its size. */
  readonly bytes: number;
  /** The SHA-256 of its contents, in hex digits. */
  readonly sha256: string;
}

/** What `manifest.json` says of an exported result. Names of fields stay. */
export interface ExportManifest {
  /** The version of this form. */
  readonly schema: 1;
  /** The task's name. */
  readonly name: string;
  /** The artifact's hash. */
  readonly hash: string;
  /** The parameters that count, as plain JSON; artifacts as `{ "$artifact": [name, hash] }`. */
  readonly params: unknown;
  /** When it was computed. ISO 8601. */
  readonly createdAt: string;
  /** Milliseconds that `create` took. */
  readonly durationMs: number;
  /** The number of the attempt that made it. */
  readonly attempt: number;
  /** The run that it was computed in. */
  readonly run?: string | undefined;
  /** With what, where, by whom and how it was computed. */
  readonly provenance: Readonly<Record<string, unknown>>;
  /** The artifacts that it depends on; `path`: their folders, where they were exported, too. */
  readonly dependencies: readonly { name: string; hash: string; path?: string }[];
  /** The files: first `value.json`. */
  readonly files: readonly ExportedFile[];
  /** Links to folders, and broken ones, that were left out. */
  readonly leftOut?: readonly string[];
}

/** A result that is to be exported. */
export interface ExportSource {
  /** Its task's name. */
  readonly name: string;
  /** Its hash. */
  readonly hash: Hash;
  /** Its record. */
  readonly record: SuccessRecord;
}

/** The artifacts that a result depends on directly. */
export function dependenciesOf({ record }: ExportSource): { name: string; hash: Hash }[] {
  const { params, dependencies } = record.identity;
  return namedArtifacts([params, dependencies]);
}

/**
 * Writes a result into a folder, which is made: `value.json`, its files below `files/`, and last of all
 * `manifest.json`, so that a folder that has one is whole.
 *
 * @param options `print` makes the text of a value; `pathOf` tells where a dependency is exported to.
 * @throws {StoreError} If a file of the result is gone or cut, or something cannot be written.
 */
export async function exportResult(
  store: Store,
  source: ExportSource,
  dir: string,
  options: {
    print: (value: unknown) => string;
    pathOf: (name: string, hash: string) => string | undefined;
  },
): Promise<ExportManifest> {
  const { name, hash, record } = source;
  const from = attemptPaths(store.paths(source), { n: record.attempt, id: record.id }).files;
  try {
    await Deno.mkdir(dir, { recursive: true });
    const files = [
      await writeHashed(dir, "value.json", `${options.print(await valueOf(store, record, from))}\n`),
    ];
    const leftOut: string[] = [];
    if (record.files) await copyFolder({ record, from, dir, files, leftOut });
    const manifest: ExportManifest = {
      schema: 1,
      name,
      hash,
      params: JSON.parse(
        options.print(plainParams(withInputPaths(record.identity.params, inputPathsIn(record.provenance)))),
      ),
      createdAt: record.createdAt,
      durationMs: record.durationMs,
      attempt: record.attempt,
      ...(record.run === undefined ? {} : { run: record.run }),
      provenance: record.provenance,
      dependencies: dependenciesOf(source).map((each) => {
        const path = options.pathOf(each.name, each.hash);
        return { ...each, ...(path === undefined ? {} : { path }) };
      }),
      files,
      ...(leftOut.length === 0 ? {} : { leftOut }),
    };
    await Deno.writeTextFile(join(dir, "manifest.json"), `${JSON.stringify(manifest, undefined, 2)}\n`);
    return manifest;
  } catch (cause) {
    if (errorCode(cause) === undefined) throw cause;
    throw new StoreError(`Cannot export ${name}(${hash}) into ${dir}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** The value with paths into its folder as seen from the export, and large typed arrays as files there. */
async function valueOf(store: Store, record: SuccessRecord, from: string): Promise<unknown> {
  const { valueFile } = record;
  const json = valueFile === undefined
    ? record.value
    : JSON.parse(await Deno.readTextFile(join(from, valueFile)));
  return decodeTagged(json, {
    artifact: (name, hash) => ({ [TAG.artifact]: [name, hash] }),
    path: (suffix) => `files${suffix}`,
    storePath: (suffix) => store.root + suffix,
    typedFile: (kind, file, bytes) =>
      ({ [TAG.typedFile]: [kind, `files/${file}`, bytes] }) as unknown as TypedArray,
  });
}

interface Copying {
  record: SuccessRecord;
  from: string;
  dir: string;
  files: ExportedFile[];
  leftOut: string[];
}

/** Copies what is in the attempt's folder, but for the value, which is written anew. */
async function copyFolder(copying: Copying, below = ""): Promise<void> {
  const { record, from, dir, files, leftOut } = copying;
  for await (const entry of Deno.readDir(join(from, below))) {
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (path === record.valueFile || path === record.artifactsFile) continue;
    if (entry.isDirectory) {
      await copyFolder(copying, path);
      continue;
    }
    const info = await Deno.stat(join(from, path)).catch(() => undefined);
    if (!info?.isFile) {
      leftOut.push(`files/${path}`);
      continue;
    }
    files.push(await copyHashed(join(from, path), dir, `files/${path}`));
  }
  if (below !== "") return;
  files.sort((a, b) =>
    Number(b.path === "value.json") - Number(a.path === "value.json") || (a.path < b.path ? -1 : 1)
  );
  checkSizes(record, from, files);
}

function checkSizes(
  { sizes, valueFile, artifactsFile }: SuccessRecord,
  from: string,
  files: ExportedFile[],
): void {
  const copied = new Map(files.map(({ path, bytes }) => [path, bytes]));
  for (const [name, size] of Object.entries(sizes ?? {})) {
    if (name === valueFile || name === artifactsFile) continue;
    const bytes = copied.get(`files/${name}`);
    if (bytes === size) continue;
    const now = bytes === undefined ? "is gone" : `has ${bytes} bytes now`;
    throw new StoreError(
      `Cannot export what is damaged: ${from}/${name} had ${size} bytes when it was stored, and ${now}`,
    );
  }
}

async function copyHashed(from: string, dir: string, path: string): Promise<ExportedFile> {
  await Deno.mkdir(dirname(join(dir, path)), { recursive: true });
  using source = await Deno.open(from);
  using target = await Deno.open(join(dir, path), { write: true, createNew: true });
  const hash = createHash("sha256");
  const buffer = new Uint8Array(1 << 20);
  let bytes = 0;
  for (let read; (read = await source.read(buffer)) !== null;) {
    const chunk = buffer.subarray(0, read);
    hash.update(chunk);
    for (let at = 0; at < read;) at += await target.write(chunk.subarray(at));
    bytes += read;
  }
  return { path, bytes, sha256: hash.digest("hex") };
}

async function writeHashed(dir: string, path: string, text: string): Promise<ExportedFile> {
  const bytes = new TextEncoder().encode(text);
  await Deno.writeFile(join(dir, path), bytes, { createNew: true });
  return { path, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}
