import { walk } from "@std/fs/walk";
import { join } from "@std/path/posix/join";
import { z } from "zod";
import { PACKED_REGISTRY } from "../core/packed.ts";
import type { ArchiveFile } from "./archive.ts";
import { CACHE_FOLDER } from "./layout.ts";
import type { NpmPackage } from "./module_graph.ts";
import { PackError } from "./pack_error.ts";

const names = z.record(z.string(), z.string()).default({});
const manifestSchema = z.object({
  dependencies: names,
  optionalDependencies: names,
  peerDependencies: names,
});

/** Files that only compilers and debuggers need. */
const LEFT_OUT = /\.(d\.ts|d\.mts|d\.cts|map)$/;

/** As Deno marks what it has asked a registry for; without it, some of its commands ask again. */
const FORMAT = { "_deno.packumentFormat": "full" };

interface Version {
  version: string;
  dist: { tarball: string; shasum: string };
  dependencies: Record<string, string>;
}

/**
 * The files of packages as Deno's cache holds them, of a registry that knows these packages alone and each
 * with exactly the dependencies that it has here: so that any range that a version lies in resolves to it,
 * without a network.
 *
 * @param packages By their keys.
 * @throws {PackError} If the files of a package are not there.
 */
export async function npmFiles(packages: ReadonlyMap<string, NpmPackage>): Promise<ArchiveFile[]> {
  const files: ArchiveFile[] = [];
  const registries = new Map<string, Record<string, Version>>();
  const seen = new Set<string>();
  for (const own of packages.values()) {
    const { name, version } = own;
    const folder = `${CACHE_FOLDER}/npm/${PACKED_REGISTRY}/${name}`;
    // One package may be there for several choices of its peers.
    if (!seen.has(`${name}@${version}`)) files.push(...await filesOf(own, `${folder}/${version}`));
    seen.add(`${name}@${version}`);
    const versions = registries.get(name) ?? {};
    registries.set(name, versions);
    versions[version] = {
      version,
      dist: { tarball: `https://${PACKED_REGISTRY}/${name}-${version}.tgz`, shasum: "" },
      dependencies: { ...versions[version]?.dependencies, ...await dependenciesOf(own, packages) },
    };
  }
  for (const [name, versions] of registries) {
    const latest = Object.keys(versions).at(-1);
    const text = JSON.stringify({ name, "dist-tags": { latest }, versions, ...FORMAT });
    const path = `${CACHE_FOLDER}/npm/${PACKED_REGISTRY}/${name}/registry.json`;
    files.push({ path, bytes: new TextEncoder().encode(text) });
  }
  return files;
}

async function filesOf({ name, version, localPath }: NpmPackage, folder: string): Promise<ArchiveFile[]> {
  const files: ArchiveFile[] = [];
  try {
    for await (const { path } of walk(localPath, { includeDirs: false })) {
      if (LEFT_OUT.test(path)) continue;
      const { mode } = await Deno.stat(path);
      files.push({
        path: `${folder}${path.slice(localPath.length)}`,
        bytes: await Deno.readFile(path),
        executable: ((mode ?? 0) & 0o100) !== 0,
      });
    }
  } catch (cause) {
    throw new PackError(`Cannot read package ${name}@${version} in ${localPath}: install it first`, {
      cause,
    });
  }
  return files;
}

/** The dependencies that were resolved, under the names that the package itself uses for them. */
async function dependenciesOf(
  { localPath, dependencies }: NpmPackage,
  packages: ReadonlyMap<string, NpmPackage>,
): Promise<Record<string, string>> {
  const text = await Deno.readTextFile(join(localPath, "package.json"));
  const manifest = manifestSchema.parse(JSON.parse(text));
  const said = { ...manifest.peerDependencies, ...manifest.optionalDependencies, ...manifest.dependencies };
  const found: Record<string, string> = {};
  for (const key of dependencies) {
    const used = packages.get(key);
    if (used === undefined) continue;
    const { name, version } = used;
    const aliases = Object.keys(said).filter((alias) => said[alias]!.startsWith(`npm:${name}@`));
    for (const alias of aliases) found[alias] = `npm:${name}@${version}`;
    if (aliases.length === 0 || said[name] !== undefined) found[name] = version;
  }
  return found;
}
