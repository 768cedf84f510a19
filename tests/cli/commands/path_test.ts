import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { best } from "../fixtures/pipeline.ts";
import { furu, type Outcome } from "../rig.ts";

const A = "4f0c12ab".padEnd(32, "0");
const B = "4f0c99ff".padEnd(32, "1");

/** A store with a result, a failed artifact, and folders that are neither. */
async function withStore(
  test: (root: string, path: (...args: string[]) => Promise<Outcome>) => Promise<void>,
) {
  const root = await Deno.makeTempDir({ prefix: "furu-path-" });
  try {
    const task = join(root, "artifacts", "toy", "deep", "Train");
    await Deno.mkdir(join(task, A), { recursive: true });
    await Deno.writeTextFile(join(task, `${A}.json`), "{}");
    await Deno.mkdir(join(root, "artifacts", "toy", B), { recursive: true });
    await Deno.mkdir(join(task, ".tmp-4f0c12ab"));
    await test(root, (...args) => furu(["path", ...args], { root: () => Promise.resolve(root) }));
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

describe("furu path", () => {
  it("prints the record of a hash, of its first digits, and of an artifact as it is printed", () =>
    withStore(async (root, path) => {
      const record = join(root, "artifacts", "toy", "deep", "Train", `${A}.json`);
      for (const word of [A, "4f0c1", "4F0C12AB", "toy/deep/Train(4f0c12ab)"]) {
        const { code, out, err } = await path(word);
        assertEquals({ code, out, err }, { code: 0, out: `${record}\n`, err: "" }, word);
      }
      assertEquals((await path("4f0c1", "--dir")).out, `${record.slice(0, -5)}\n`);
    }));

  it("prints the folder where there is no record", () =>
    withStore(async (root, path) => {
      assertEquals((await path("4f0c9")).out, `${join(root, "artifacts", "toy", B)}\n`);
      assertEquals(JSON.parse((await path("4f0c9", "--json")).out).hasRecord, false);
    }));

  it("lists the candidates of digits that several begin with", () =>
    withStore(async (_root, path) => {
      const { code, out, err } = await path("4f0c");
      assertEquals({ code, out }, { code: 1, out: "" });
      assertStringIncludes(
        err,
        `Cannot tell which artifact '4f0c' is, 2 begin so:\n  ${B}  toy\n  ${A}  toy/deep/Train\n`,
      );
    }));

  it("ends with 1 for what is not there, also without a store", () =>
    withStore(async (root, path) => {
      const { code, err } = await path("abcdef");
      assertEquals({ code, err }, {
        code: 1,
        err: `furu path: Cannot find an artifact whose hash begins with 'abcdef' in ${root}\n`,
      });
      assertEquals((await furu(["path", "abcdef"])).code, 1);
    }));

  it("tells where an artifact of a module would be", () =>
    withStore(async (root, path) => {
      const { code, out } = await path(best.hash.slice(0, 12), "pipeline.ts");
      assertEquals({ code, out }, {
        code: 0,
        out: `${join(root, "artifacts", "clifix", "Train", `${best.hash}.json`)}\n`,
      });
    }));
});
