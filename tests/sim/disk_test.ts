import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { errorCode } from "../../lib/core/errors.ts";
import type { Files } from "../../lib/core/system/files.ts";
import { systemFiles } from "../../lib/core/system/system_files.ts";
import { World } from "./world.ts";

/** What an operation answers, or its error with class and code. */
async function answer(operation: Promise<unknown>): Promise<unknown> {
  return await operation.then(
    (value) => value,
    (error) => `${error.constructor.name} ${errorCode(error)}`,
  );
}

/** The same operations on any files; what they answer. */
async function script(files: Files, root: string): Promise<unknown[]> {
  const at = (name: string) => `${root}/${name}`;
  const names = async (path: string) => (await files.list(path)).map((entry) => entry.name).sort();
  const kind = async (path: string) => {
    const info = await files.stat(path);
    return info &&
      [info.isDirectory, info.isFile, info.isDirectory ? 0 : info.size, info.isDirectory ? 0 : info.nlink];
  };
  const operations: (() => Promise<unknown>)[] = [
    () => files.mkdir(at("a")),
    () => files.mkdir(at("a")),
    () => files.mkdir(at("a"), { recursive: true }),
    () => files.mkdir(at("x/y")),
    () => files.mkdir(at("x/y/z"), { recursive: true }),
    () => files.write(at("a/f"), "grüße"),
    () => files.write(at("a/f"), "again", { exclusive: true }),
    () => files.write(at("a/f"), "!", { append: true }),
    () => files.readText(at("a/f")),
    () => files.readBytes(at("a/f")),
    () => files.readBytes(at("a/f"), 6),
    () => files.readBytes(at("a/f"), 100),
    () => files.readBytes(at("none"), 6),
    () => kind(at("a/f")),
    () => kind(at("a")),
    () => kind(at("none")),
    () => files.write(at("a"), "text"),
    () => files.write(at("none/f"), "text"),
    () => files.readText(at("none")),
    () => files.readText(at("a")),
    () => files.readText(at("a/f/g")),
    () => files.stat(at("a/f/g")),
    () => files.list(at("a/f")),
    () => files.list(at("none")),
    () => files.mkdir(at("a/f"), { recursive: true }),
    () => files.link(at("a/f"), at("a/g")),
    () => files.link(at("a/f"), at("a/g")),
    () => files.link(at("a"), at("b")),
    () => files.link(at("none"), at("b")),
    () => kind(at("a/g")),
    () => files.rename(at("a/f"), at("a/g")), // two names of one file: nothing happens
    () => names(at("a")),
    () => files.rename(at("a/f"), at("x")),
    () => files.rename(at("x"), at("a/f")),
    () => files.rename(at("x"), at("a")),
    () => files.rename(at("a"), at("a/b")),
    () => files.rename(at("none"), at("b")),
    () => files.rename(at("a/f"), at("none/f")),
    () => files.remove(at("a")),
    () => files.remove(at("none")),
    () => files.write(at("other"), "other"),
    () => files.rename(at("other"), at("a/f")),
    () => files.readText(at("a/f")),
    () => kind(at("a/g")),
    () => files.chmod(at("a/f"), 0o600),
    async () => (await files.stat(at("a/f")))?.mode,
    () => files.sync(at("a/f")),
    () => files.sync(at("none")),
    async () => {
      using file = await files.open(at("a/f"));
      await files.rename(at("a/f"), at("a/h"));
      await files.remove(at("a/h"));
      await file.touch();
      return [(await file.stat()).nlink, (await file.stat()).size];
    },
    () => files.open(at("none")),
    async () => {
      files.mkdirNow(at("now/deep"));
      return await names(at("now"));
    },
    () => files.removeTree(at("none")),
    () => files.removeTree(at("x")),
    () => files.removeTree(at("a")),
    () => names(root),
  ];
  const answers: unknown[] = [];
  for (const operation of operations) answers.push(await answer(operation()));
  return answers;
}

describe("the simulated files", () => {
  it("answer as the machine's own do", async () => {
    const root = await Deno.makeTempDir();
    try {
      const world = new World(1);
      world.disk.mkdir("/root", world.host("a"), "/root");
      const process = world.spawn("p", "a", ({ files }) => script(files, "/root"));
      await world.run();
      assertEquals(process.value, await script(systemFiles, root));
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  });
});
