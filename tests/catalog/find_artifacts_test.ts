import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { ANY_ARTIFACT, findArtifacts, parsePattern, taskNamesOf } from "../../lib/catalog/find_artifacts.ts";
import { UsageError } from "../../lib/core/errors.ts";
import { Rig, testRuntime } from "../rig.ts";

const HASH = "0123456789abcdef0123456789abcdef";
const OTHER = "face456789abcdef0123456789abcdef";

function storeWith(rig: Rig, paths: readonly string[]) {
  for (const path of paths) {
    const at = join(rig.root, "artifacts", path);
    if (path.endsWith("/")) Deno.mkdirSync(at, { recursive: true });
    else {
      Deno.mkdirSync(join(at, ".."), { recursive: true });
      Deno.writeTextFileSync(at, "{}");
    }
  }
  return testRuntime(rig.root).store;
}

describe("findArtifacts()", () => {
  it("knows what has a record, a folder, or only a claim, and nothing else", async () => {
    await using rig = new Rig();
    const store = storeWith(rig, [
      `toy/Train/${HASH}.json`,
      `toy/Train/${HASH}/`,
      `toy/Train/${OTHER}.claim`,
      "toy/Train/.tmp-00000000-1-1-x",
      `toy/Train/.owners/`,
      `toy/deep/Prep/${HASH}/`,
      `Top/${HASH}.json`,
      "empty/",
    ]);
    assertEquals(await taskNamesOf(store), ["Top", "toy/Train", "toy/deep/Prep"]);
    const found = await findArtifacts(store, ANY_ARTIFACT);
    assertEquals(
      found.map(({ name, hash, hasRecord, hasHome, hasClaim }) => [name, hash, hasRecord, hasHome, hasClaim]),
      [
        ["Top", HASH, true, false, false],
        ["toy/Train", HASH, true, true, false],
        ["toy/Train", OTHER, false, false, true],
        ["toy/deep/Prep", HASH, false, true, false],
      ],
    );
    assertEquals(await findArtifacts(store, { ...ANY_ARTIFACT, only: "toy/None" }), []);
  });
});

describe("a pattern", () => {
  const names = ["Face", "toy/Train", "toy/deep/Prep", "houses/Train"];
  const table: Readonly<Record<string, readonly string[]>> = {
    "toy/Train": ["toy/Train"],
    "Train": ["toy/Train", "houses/Train"],
    "toy": ["toy/Train", "toy/deep/Prep"],
    "toy/": ["toy/Train", "toy/deep/Prep"],
    "toy/*": ["toy/Train"],
    "toy/**": ["toy/Train", "toy/deep/Prep"],
    "{toy,houses}/Train": ["toy/Train", "houses/Train"],
    "Face": ["Face"],
    "None": [],
  };
  for (const [written, meant] of Object.entries(table)) {
    it(`${written} means ${meant.join(", ") || "none of them"}`, () => {
      const pattern = parsePattern(written, names);
      assertEquals([names.filter(pattern.task), pattern.prefix], [[...meant], ""]);
    });
  }

  it("is the beginning of a hash where no task is called so", () => {
    assertEquals(parsePattern("FACE1", names).prefix, "face1");
    const one = parsePattern("toy/Train(face1234)", names);
    assertEquals([one.only, one.prefix], ["toy/Train", "face1234"]);
    for (const written of ["abc", "0".repeat(33), "toy/Train(ab)"]) {
      assertThrows(() => parsePattern(written, names), UsageError, "4 to 32 digits");
    }
  });
});
