import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { StoreError } from "../../lib/core/errors.ts";
import { systemMachine } from "../../lib/core/system/system_machine.ts";
import { checkWritable } from "../../lib/store/check_writable.ts";
import { ownersDir } from "../../lib/store/layout.ts";
import { Store } from "../../lib/store/store.ts";
import { Rig } from "../rig.ts";

describe("checkWritable()", () => {
  it("makes the folder of a store, and leaves nothing in it", async () => {
    await using rig = new Rig();
    const root = join(rig.folder, "deep/store");
    await checkWritable(new Store(systemMachine(), { root, leaseSec: 120, heartbeatSec: 40 }));
    assertEquals([...Deno.readDirSync(ownersDir(root))], []);
  });

  it("says why a store cannot be written, and what to do", async () => {
    await using rig = new Rig();
    const root = join(rig.folder, "file");
    Deno.writeTextFileSync(root, "");
    const machine = systemMachine();
    const refused = new Store(machine, { root, leaseSec: 120, heartbeatSec: 40 });
    const { message } = await assertRejects(() => checkWritable(refused), StoreError);
    assertStringIncludes(message, `Cannot use the store ${root}: `);
    assertStringIncludes(message, "--root or FURU_PATH");
    // A full disk shows only when something is written.
    const write = () => Promise.reject(Object.assign(new Error("full"), { code: "ENOSPC" }));
    const full = new Store({ ...machine, files: { ...machine.files, write } }, {
      root: join(rig.folder, "full"),
      leaseSec: 120,
      heartbeatSec: 40,
    });
    const error = await assertRejects(() => checkWritable(full), StoreError);
    assertStringIncludes(error.message, "no space left on the device (ENOSPC)");
  });
});
