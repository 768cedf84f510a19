import { join } from "@std/path/posix/join";
import { z } from "zod";
import { folderIfKnown } from "../core/paths.ts";
import { notifyForm, type NotifyTarget } from "../core/settings/notify_setting.ts";
import type { Parsed } from "../store/record.ts";
import { readJson } from "../store/json_file.ts";
import { RECORD_SCHEMA } from "../store/layout.ts";
import { commandLine } from "../store/results/provenance.ts";
import { removeIfThere, type Store } from "../store/store.ts";

/** Who is told of a run, and from where. */
export interface Notified {
  /** Who is told. */
  readonly target: NotifyTarget;
  /** The folder that a program is started in. */
  readonly cwd: string;
  /** The command line that began the run. */
  readonly command: readonly string[];
}

/** Who is told, as this process is configured and from where it was started; nothing for nobody. */
export function notifiedBy(target: NotifyTarget | false | undefined): Notified | undefined {
  if (target === undefined || target === false) return undefined;
  return { target, cwd: folderIfKnown() ?? "/", command: commandLine() };
}

const notifiedForm = z.lazy(() =>
  z.object({
    schema: z.literal(RECORD_SCHEMA),
    target: notifyForm(),
    cwd: z.string(),
    command: z.array(z.string()),
  })
);

/** The file that says who is told of a run on Slurm. The user alone may read it: URLs are secrets. */
function notifyPath(runDir: string): string {
  return join(runDir, "notify.json");
}

const FOR_THE_USER = 0o600;

/**
 * Writes down who is told of a run, for whoever controls or follows it. Where nobody is, that is written by
 * there being no such file.
 *
 * @param runDir The run's folder, which is there.
 * @throws {StoreError} If it cannot be written.
 */
export async function writeNotified(
  store: Store,
  runDir: string,
  notified: Notified | undefined,
): Promise<void> {
  const { files } = store.machine;
  const path = notifyPath(runDir);
  if (notified === undefined) return void await removeIfThere(store.machine, path);
  const temporary = await store.writePrivate(runDir, "");
  await files.chmod(temporary, FOR_THE_USER);
  await files.write(temporary, JSON.stringify({ schema: RECORD_SCHEMA, ...notified }));
  await files.rename(temporary, path);
}

/** Who is told of a run, by what was written down when it began; nothing for nobody. */
export async function readNotified(store: Store, runDir: string): Promise<Parsed<Notified> | undefined> {
  return await readJson(store, notifyPath(runDir), notifiedForm) as Parsed<Notified> | undefined;
}
