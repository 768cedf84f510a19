import type { Hash } from "../../lib/core/hash.ts";
import type { Claim } from "../../lib/store/claims/claim.ts";
import { tryClaim } from "../../lib/store/claims/claim.ts";
import type { ArtifactPaths } from "../../lib/store/layout.ts";
import { Store } from "../../lib/store/store.ts";
import { Rig, testMachine, type TestRuntimeOptions } from "../rig.ts";

/** One artifact in a store of its own. */
export class StoreRig extends Rig {
  /** Where everything of it is. */
  readonly paths: ArtifactPaths = this.store().paths({
    name: "test/Task",
    hash: "0123456789abcdef0123456789abcdef" as Hash,
  });

  /** The store as a process with such a machine sees it. */
  store(options: TestRuntimeOptions = {}, leaseSec = 120): Store {
    return new Store(testMachine(options), { root: this.root, leaseSec, heartbeatSec: leaseSec / 3 });
  }

  /** Claims the artifact. */
  async claim(store: Store = this.store(), backend = "get"): Promise<Claim> {
    const result = await tryClaim(store, this.paths, { backend });
    if (result.kind !== "claimed") throw new Error("somebody holds it");
    return result.claim;
  }

  /** The names in the artifact's folder, sorted, after that of its claim. */
  names(): string[] {
    return this.tree().filter((name) => /[0-9a-f]{32}(?:\/|\.claim$)/.test(name)).map((name) =>
      name.endsWith(".claim") ? "the claim" : name.split("/").at(-1)!
    ).sort();
  }
}
