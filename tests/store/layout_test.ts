import { assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Hash } from "../../lib/core/hash.ts";
import {
  artifactPaths,
  attemptPaths,
  parseAttemptName,
  privateName,
  privateNameOwner,
} from "../../lib/store/layout.ts";
import { testMachine } from "../rig.ts";

const key = { name: "toy/deep/Train", hash: "0123456789abcdef0123456789abcdef" as Hash };

describe("layout", () => {
  it("everything of an artifact is where ARCHITECTURE says", () => {
    const paths = artifactPaths("/data", key);
    assertEquals(paths.record, `/data/artifacts/toy/deep/Train/${key.hash}.json`);
    assertEquals(paths.home, `/data/artifacts/toy/deep/Train/${key.hash}`);
    assertEquals(paths.claim, `${paths.home}.claim`);
    assertEquals(attemptPaths(paths, { n: 2, id: "ab" }), {
      end: `${paths.home}/end-ab.json`,
      files: `${paths.home}/2-ab`,
      log: `${paths.home}/2-ab.log`,
      checkpoint: `${paths.home}/2-ab.checkpoint`,
      replaced: `${paths.home}/2-ab.replaced.json`,
      damaged: `${paths.home}/2-ab.damaged.json`,
    });
  });

  it("parseAttemptName() reads what attemptPaths() makes, and nothing else", () => {
    const paths = artifactPaths("/data", key);
    for (const [kind, path] of Object.entries(attemptPaths(paths, { n: 12, id: "0a" }))) {
      // Whoever ends the attempt of somebody else does not know its number.
      const n = kind === "end" ? 0 : 12;
      assertEquals(parseAttemptName(path.split("/").at(-1)!) as unknown, { n, id: "0a", kind });
    }
    assertEquals(parseAttemptName("12-0a.json") as unknown, { n: 12, id: "0a", kind: "end" }, "of layout 1");
    for (
      const name of [
        "running.json",
        "end-.json",
        "end-AB.json",
        "end-ab.txt",
        "queued.json",
        "0-ab.json",
        "1-ab.txt",
        "1-AB",
        "-1-ab",
        "1-",
        ".tmp-1-ab",
        "",
      ]
    ) {
      assertEquals(parseAttemptName(name), undefined, name);
    }
  });

  it("a private name tells its owner to this host alone", () => {
    const machine = testMachine();
    const { self } = machine;
    const name = privateName("/dir", "trash", machine).slice("/dir/".length);
    assertMatch(name, new RegExp(`^\\.trash-[0-9a-f]{8}-${Deno.pid}-\\d+-[0-9a-f]{12}$`));
    assertEquals(privateNameOwner(name, self), { owner: self });
    for (const place of [{ host: "other" }, { boot: "other" }, { pidNamespace: "other" }]) {
      assertEquals(privateNameOwner(name, { ...self, ...place }), {}, "nobody can tell from there");
    }
    for (const other of ["running.json", "1-ab", ".tmp-x", ".nfs0001"]) {
      assertEquals(privateNameOwner(other, self), undefined);
    }
  });
});
