import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { StoreError } from "../../lib/core/errors.ts";
import { systemFiles } from "../../lib/core/system/system_files.ts";
import { linkJson, readJson, writeJson } from "../../lib/store/json_file.ts";
import { exists, osError, textOf } from "../rig.ts";
import { StoreRig } from "./rig.ts";

const form = z.object({ schema: z.literal(1), n: z.number() });

class JsonRig extends StoreRig {
  readonly file = join(this.root, "file.json");

  constructor(text?: string) {
    super();
    Deno.mkdirSync(this.root);
    if (text !== undefined) Deno.writeTextFileSync(this.file, text);
  }
}

describe("readJson()", () => {
  it("tells that there is no file", async () => {
    await using rig = new JsonRig();
    assertEquals(await readJson(rig.store(), rig.file, form), undefined);
  });

  it("gives the value", async () => {
    await using rig = new JsonRig('{"schema":1,"n":2}');
    assertEquals(await readJson(rig.store(), rig.file, form), { value: { schema: 1, n: 2 } });
  });

  const faults: Record<string, { text: string; fault: string; newer?: number }> = {
    "is empty": { text: "", fault: "it is empty" },
    "is truncated": { text: '{"schema":1,', fault: "it is truncated or not JSON" },
    "is of a newer furu": {
      text: '{"schema":2}',
      fault: "it has schema version 2, this furu reads 1",
      newer: 2,
    },
    "is of no known version": { text: '{"schema":0}', fault: "it has schema version 0, this furu reads 1" },
  };
  for (const [what, { text, fault, newer }] of Object.entries(faults)) {
    it(`says in words that a file ${what}`, async () => {
      await using rig = new JsonRig(text);
      const read = await readJson(rig.store(), rig.file, form);
      assert(read && "fault" in read);
      assertEquals({ fault: read.fault, newer: read.newer }, { fault, newer });
    });
  }

  it("names the field that is wrong", async () => {
    await using rig = new JsonRig('{"schema":1,"n":"2"}');
    const read = await readJson(rig.store(), rig.file, form);
    assert(read && "fault" in read);
    assertStringIncludes(read.fault, "it is not one: ");
    assertStringIncludes(read.fault, "at n");
  });

  it("throws, naming the file, when the system cannot read it", async () => {
    await using rig = new JsonRig("{}");
    const store = rig.store({ files: { readText: () => Promise.reject(osError("EIO")) } });
    await assertRejects(() => readJson(store, rig.file, form), StoreError, rig.file);
  });
});

describe("writeJson()", () => {
  it("replaces what is there, and leaves no private name", async () => {
    await using rig = new JsonRig("{}");
    await writeJson(rig.store(), rig.file, { schema: 1, n: 2, nothing: undefined });
    assertEquals(textOf(rig.file), '{"schema":1,"n":2}');
    assertEquals(rig.tree(), ["file.json"]);
  });

  for (const code of ["ENOENT", "EIO", "ESTALE"]) {
    it(`sees that a rename worked which reported ${code}`, async () => {
      await using rig = new JsonRig();
      const rename = async (from: string, to: string) => {
        await systemFiles.rename(from, to);
        throw osError(code);
      };
      await writeJson(rig.store({ files: { rename } }), rig.file, { n: 1 });
      assert(exists(rig.file));
    });
  }

  it("names the file that it cannot write, and leaves what was there", async () => {
    await using rig = new JsonRig("{}");
    const store = rig.store({ files: { rename: () => Promise.reject(osError("EACCES")) } });
    await assertRejects(() => writeJson(store, rig.file, { n: 1 }), StoreError, rig.file);
    assertEquals(textOf(rig.file), "{}");
    assertEquals(rig.tree(), ["file.json"]);
  });

  it("syncs, unless the file is only for displays", async () => {
    await using rig = new JsonRig();
    const synced: boolean[] = [];
    const write: typeof systemFiles.write = (path, data, options) => {
      synced.push(options?.sync === true);
      return systemFiles.write(path, data, options);
    };
    const store = rig.store({ files: { write } });
    await writeJson(store, rig.file, {});
    await writeJson(store, rig.file, {}, { sync: false });
    assertEquals(synced, [true, false]);
  });
});

describe("linkJson()", () => {
  it("writes a file once: the first one stays", async () => {
    await using rig = new JsonRig();
    assertEquals(await linkJson(rig.store(), rig.file, { n: 1 }), true);
    assertEquals(await linkJson(rig.store(), rig.file, { n: 2 }), false);
    assertEquals(textOf(rig.file), '{"n":1}');
    assertEquals(rig.tree(), ["file.json"]);
  });

  it("names the file when its folder is gone", async () => {
    await using rig = new JsonRig();
    const file = join(rig.root, "gone", "file.json");
    await assertRejects(() => linkJson(rig.store(), file, {}), StoreError, file);
  });
});
