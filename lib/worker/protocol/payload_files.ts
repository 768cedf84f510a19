import { pooledMap } from "@std/async/pool";
import { basename } from "@std/path/posix/basename";
import { dirname } from "@std/path/posix/dirname";
import { join } from "@std/path/posix/join";
import { z } from "zod";
import type { Hash } from "../../core/hash.ts";
import { errorCode, ProtocolError } from "../../core/errors.ts";
import { parseJson } from "../../store/record.ts";
import type { Runtime } from "../../run/runtime.ts";
import { listOrNothing, storeError } from "../../store/store.ts";
import { ARTIFACT, type Artifact } from "../../task/artifact/artifact.ts";
import { paramsText, references, withAllBelow } from "../../task/artifact/reference.ts";
import type { ArtifactPayload } from "./protocol.ts";

const artifactPayload: z.ZodType<ArtifactPayload> = z.object({
  module: z.string().optional(),
  name: z.string(),
  params: z.string(),
  kept: z.literal(true).optional(),
});

/** So many files are read or written at the same time. */
const AT_ONCE = 32;

/** Options of {@link writePayloads}. */
export interface WritePayloadsOptions {
  /**
   * Where other processes are to find a module.
   *
   * @default {where it is}
   */
  place?: ((url: string) => string) | undefined;
  /**
   * What the file of an artifact says besides, for others than those who compute it.
   *
   * @default {nothing}
   */
  besides?: ((hash: Hash) => object | undefined) | undefined;
}

/**
 * Writes all that other processes need to make artifacts again, a file for each of them and of those below.
 *
 * @param dir The folder of the run, which is made where it is missing.
 * @throws {StoreError} If it cannot be written.
 */
export async function writePayloads(
  { machine, store }: Pick<Runtime, "machine" | "store">,
  dir: string,
  artifacts: Iterable<Artifact>,
  { place = (url) => url, besides = () => undefined }: WritePayloadsOptions = {},
): Promise<void> {
  await store.makeDir(join(dir, "artifacts"));
  const writes = pooledMap(AT_ONCE, withAllBelow(artifacts), async (artifact) => {
    const { task: { name, module }, loadOnly } = artifact[ARTIFACT];
    const payload: ArtifactPayload = {
      ...(module === undefined ? {} : { module: place(module) }),
      name,
      params: paramsText(artifact),
      ...(loadOnly ? { kept: true } : {}),
    };
    const path = payloadPath(dir, artifact.hash);
    try {
      await machine.files.write(path, JSON.stringify({ ...payload, ...besides(artifact.hash) }));
    } catch (error) {
      throw storeError("write", path, error);
    }
  });
  for await (const _ of writes);
}

/**
 * Reads what {@link writePayloads} wrote of one artifact.
 *
 * @param dir The folder of the run.
 * @param hash The artifact's hash.
 *
 * @throws {ProtocolError} naming the file, when it is missing or cannot be understood.
 * @throws {StoreError} when the system cannot read it.
 */
export async function readPayload(
  { machine }: Pick<Runtime, "machine">,
  dir: string,
  hash: string,
): Promise<ArtifactPayload> {
  const path = payloadPath(dir, hash);
  const text = await readListed(machine, path);
  const parsed = text === undefined ? { fault: "there is no such file" } : parseJson(text, artifactPayload);
  if ("fault" in parsed) {
    throw new ProtocolError(`Cannot read what is to be computed from ${path}: ${parsed.fault}`);
  }
  return parsed.value;
}

/**
 * The hashes of the artifacts in the parameters of a payload.
 *
 * @throws {ProtocolError} when they cannot be understood.
 */
export function payloadReferences({ name, params }: ArtifactPayload): string[] {
  try {
    return [...references(JSON.parse(params))];
  } catch (cause) {
    throw new ProtocolError(
      `Cannot read what is to be computed: the parameters of ${name} are truncated or not JSON`,
      { cause },
    );
  }
}

/** The file of an artifact in the folder of a run. */
export function payloadPath(dir: string, hash: string): string {
  return join(dir, "artifacts", `${hash}.json`);
}

/** A host may remember for a minute that a name is missing: to list its folder makes it look again. */
async function readListed(machine: Runtime["machine"], path: string): Promise<string | undefined> {
  for (let turn = 1;; turn++) {
    try {
      return await machine.files.readText(path);
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw storeError("read", path, error);
    }
    if (turn === 2) return undefined;
    const names = await listOrNothing(machine, dirname(path));
    if (!names.some(({ name }) => name === basename(path))) return undefined;
  }
}
