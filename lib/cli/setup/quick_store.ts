import { join } from "@std/path/posix/join";
import {
  CONFIG_FILES,
  currentFolder,
  projectFolder,
  realFolder,
  settingPath,
  startFolder,
} from "../../core/paths.ts";
import { parseCommentedJson } from "../../core/settings/parse_commented_json.ts";
import { systemMachine } from "../../core/system/system_machine.ts";
import { Store } from "../../store/store.ts";

/**
 * The store that commands would look into, found without all that checks a configuration: half of the time
 * in which a key is to be answered would go into loading that. Only for reading.
 *
 * @param root The folder that was named by a flag.
 */
export function quickStore(root?: string): Store {
  // Nothing is claimed with it: how long a claim would count makes no difference.
  return new Store(systemMachine(), { root: quickRoot(root), leaseSec: 120, heartbeatSec: 40 });
}

/** As the configuration has it, where that is right: `resolveConfig` has the rules. */
export function quickRoot(root?: string): string {
  const home = (): string | undefined => Deno.env.get("HOME");
  const named = root ?? Deno.env.get("FURU_PATH")?.trim();
  if (named) {
    return realFolder(
      settingPath(named, root === undefined ? startFolder : currentFolder, "the store", home),
    );
  }
  const project = projectFolder();
  const written = rootInFile(project);
  return realFolder(
    written === undefined
      ? join(project, "furu-data")
      : settingPath(written, () => project, "the store", home),
  );
}

function rootInFile(project: string): string | undefined {
  for (const name of CONFIG_FILES) {
    try {
      const config = parseCommentedJson(Deno.readTextFileSync(join(project, name)));
      return (config as { root?: string }).root;
    } catch {
      // There is none, or commands say what is wrong with it.
    }
  }
  return undefined;
}
