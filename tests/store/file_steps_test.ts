import { assert, assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { StoreError } from "../../lib/core/errors.ts";
import { systemFiles } from "../../lib/core/system/system_files.ts";
import { hasName, linkOurs, moveFile, tryMove } from "../../lib/store/file_steps.ts";
import { exists, osError } from "../rig.ts";
import { StoreRig } from "./rig.ts";

/** A store with a file and a folder to move it to. */
class StepsRig extends StoreRig {
  readonly from = join(this.root, "a", "file");
  readonly to = join(this.root, "b", "file");

  constructor() {
    super();
    for (const dir of ["a", "b"]) Deno.mkdirSync(join(this.root, dir), { recursive: true });
    Deno.writeTextFileSync(this.from, "x");
  }
}

/** Files whose `rename` works and says otherwise, as often as told. */
function lying(code: string, times = 1) {
  let left = times;
  return {
    files: {
      rename: async (from: string, to: string) => {
        await systemFiles.rename(from, to);
        if (left-- > 0) throw osError(code);
      },
    },
  };
}

describe("moveFile()", () => {
  for (const code of ["ENOENT", "EIO", "ESTALE"]) {
    it(`sees that a rename worked which reported ${code}`, async () => {
      await using rig = new StepsRig();
      assert(await moveFile(rig.store(lying(code)), rig.from, rig.to));
      assert(exists(rig.to));
    });
  }

  it("tells that somebody else was faster, or that the new folder is gone", async () => {
    await using rig = new StepsRig();
    const store = rig.store();
    assertEquals(await moveFile(store, join(rig.root, "a", "other"), rig.to), false);
    assertEquals(await tryMove(store, join(rig.root, "a", "other"), rig.to), "not there");
    assertEquals(await tryMove(store, rig.from, join(rig.root, "gone", "file")), "no folder");
    assert(exists(rig.from), "it stays where it was");
  });

  it("tries again after an error that passes", async () => {
    await using rig = new StepsRig();
    let failures = 2;
    const store = rig.store({
      files: {
        rename: (from, to) => failures-- > 0 ? Promise.reject(osError("EIO")) : systemFiles.rename(from, to),
      },
    });
    assert(await moveFile(store, rig.from, rig.to));
  });

  it("names both places when it cannot move, and leaves the file", async () => {
    await using rig = new StepsRig();
    for (const code of ["EACCES", "EIO"]) {
      const store = rig.store({ files: { rename: () => Promise.reject(osError(code)) } });
      const error = await assertRejects(() => moveFile(store, rig.from, rig.to), StoreError);
      for (const part of [rig.from, rig.to, code]) assert(error.message.includes(part), error.message);
    }
    assert(exists(rig.from));
  });
});

describe("linkOurs()", () => {
  for (const code of ["EEXIST", "EIO", "ENOENT"]) {
    it(`sees that a link worked which reported ${code}`, async () => {
      await using rig = new StepsRig();
      const link = async (existing: string, name: string) => {
        await systemFiles.link(existing, name);
        throw osError(code);
      };
      assert(await linkOurs(rig.store({ files: { link } }), rig.from, rig.to));
    });
  }

  it("tells that another was first, or that the folder is gone", async () => {
    await using rig = new StepsRig();
    Deno.writeTextFileSync(rig.to, "y");
    assertEquals(await linkOurs(rig.store(), rig.from, rig.to), false);
    assertEquals(await linkOurs(rig.store(), rig.from, join(rig.root, "gone", "file")), false);
  });

  it("names the name that cannot be linked", async () => {
    await using rig = new StepsRig();
    const store = rig.store({ files: { link: () => Promise.reject(osError("EACCES")) } });
    await assertRejects(() => linkOurs(store, rig.from, rig.to), StoreError, rig.to);
  });
});

describe("hasName()", () => {
  it("goes by the listing of the folder, and tells where that is gone", async () => {
    await using rig = new StepsRig();
    const seen = await Promise.all(
      [rig.from, rig.to, join(rig.root, "gone", "file")].map((path) => hasName(rig.store(), path)),
    );
    assertEquals(seen, [true, false, undefined]);
  });
});
