import { dirname } from "@std/path/posix/dirname";
import { fromFileUrl } from "@std/path/posix/from-file-url";
import { FURU_URL } from "../core/packed.ts";

/** The folder of furu's own code, below the one that everything is unpacked into. */
export const FURU_FOLDER = "code/furu";
/** The folder of the user's modules. */
const USER_FOLDER = "code/user";
/** Deno's cache. */
export const CACHE_FOLDER = "deno_dir";
/** The configuration of all of it. */
export const CONFIG_FILE = "deno.json";

/** Says where a module is below the folder that everything is unpacked into. */
export type PlaceOf = (url: string) => string;

/**
 * Places for modules: furu's own in one folder, the user's in another with their paths among each other,
 * remote ones by server and path. Nothing of where they were on this machine is left.
 *
 * @param modules All modules and other files.
 */
export function places(modules: Iterable<{ url: string; ending?: string }>): PlaceOf {
  const endings = new Map([...modules].map(({ url, ending = "" }) => [url, ending]));
  const users = [...endings.keys()].filter((url) => url.startsWith("file:") && !url.startsWith(FURU_URL));
  const root = commonFolder(users.map(fromFileUrl));
  return (url) => {
    if (url.startsWith(FURU_URL)) return `${FURU_FOLDER}/${decodeURIComponent(url.slice(FURU_URL.length))}`;
    if (url.startsWith("file:")) return `${USER_FOLDER}${fromFileUrl(url).slice(root.length)}`;
    const { protocol, host, pathname, search } = new URL(url);
    // As it is written: what is encoded in it may be meant to lead out of a folder.
    const path = `${pathname}${search && encodeURIComponent(search)}`;
    const ending = endings.get(url) ?? "";
    return `code/${protocol.slice(0, -1)}/${host.replace(":", "_")}${path}${
      path.endsWith(ending) ? "" : ending
    }`;
  };
}

/** The deepest folder that holds all paths, without a slash at its end. */
function commonFolder(paths: readonly string[]): string {
  let folder = paths.length === 0 ? "" : dirname(paths[0]!);
  while (folder !== "/" && !paths.every((path) => path.startsWith(`${folder}/`))) folder = dirname(folder);
  return folder === "/" ? "" : folder;
}
