import type { NotifyTarget } from "../core/settings/notify_setting.ts";
import type { Store } from "../store/store.ts";
import { notifiedBy } from "./notified.ts";
import type { Notifier } from "./notifier.ts";

/** A run on this machine, as far as notices tell of it. */
interface LocalRun {
  readonly runId: string;
  readonly entry: string;
  readonly plan: {
    readonly roots: readonly string[];
    readonly nodes: ReadonlyMap<string, { readonly name: string; readonly hash: string }>;
  };
}

/** What of a runtime it takes. */
interface LocalRuntime {
  readonly store: Store;
  readonly config: { readonly notify?: NotifyTarget | false };
  readonly logger: { warn(text: string): void };
}

/**
 * Who tells of a run on this machine. Hardly anybody is to be told: what does it is loaded for those.
 *
 * @returns Nothing where nobody is to be told.
 */
export async function localNotifier(
  { store, config, logger }: LocalRuntime,
  { runId, entry, plan }: LocalRun,
): Promise<Notifier | undefined> {
  const notified = notifiedBy(config.notify);
  if (notified === undefined) return undefined;
  const { Notifier } = await import("./notifier.ts");
  const roots = plan.roots.flatMap((root) => plan.nodes.get(root) ?? []);
  return new Notifier(store, {
    notified,
    head: { runId, mode: "local", entry, roots: roots.map(({ name, hash }) => ({ name, hash })) },
    warn: (text) => logger.warn(text),
  });
}
