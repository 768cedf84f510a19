import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { makeRig } from "./example.ts";

/** The hashes of all stored results of a task. */
async function stored(root: string, task: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(join(root, "artifacts", task)));
  return entries.map(({ name }) => name).filter((name) => name.endsWith(".json")).sort();
}

describe("examples/words.ts", () => {
  it("counts the words of the sample files", async () => {
    await using rig = await makeRig();
    const { code, stdout, output } = await rig.run("examples/words.ts");
    assertEquals(code, 0, output);
    assertStringIncludes(stdout, "    20 the\n");
    assertEquals((await stored(rig.root, "words/Count")).length, 3);
  });

  it("computes only what a changed, a moved, an added file concerns", async () => {
    await using rig = await makeRig();
    const folder = join(rig.folder, "texts");
    await Deno.mkdir(join(folder, "deep"), { recursive: true });
    const write = (name: string, text: string) => Deno.writeTextFile(join(folder, name), text);
    await write("a.txt", "one two two");
    await write("deep/b.txt", "Two three! three; three");
    await write("ignored.md", "four");
    const first = await rig.run("examples/words.ts", folder);
    assertEquals(first.code, 0, first.output);
    assertStringIncludes(first.stdout, "3 different words");
    assertStringIncludes(first.stdout, "     3 three\n     3 two\n     1 one\n");
    const before = await stored(rig.root, "words/Count");

    await Deno.rename(join(folder, "a.txt"), join(folder, "moved.txt"));
    const moved = await rig.run("examples/words.ts", folder);
    assertEquals({ code: moved.code, stdout: moved.stdout }, { code: 0, stdout: first.stdout }, moved.output);
    assertEquals(await stored(rig.root, "words/Count"), before);
    assertEquals((await stored(rig.root, "words/Total")).length, 1);

    await write("c.txt", "three");
    const added = await rig.run("examples/words.ts", folder);
    assertStringIncludes(added.stdout, "     4 three\n     3 two\n", added.output);
    assertEquals((await stored(rig.root, "words/Count")).length, 3);
    assertEquals((await stored(rig.root, "words/Total")).length, 2);
  });

  it("counts a text twice that is there twice", async () => {
    await using rig = await makeRig();
    for (const name of ["a.txt", "b.txt"]) await Deno.writeTextFile(join(rig.folder, name), "same");
    const { stdout, output } = await rig.run("examples/words.ts", rig.folder);
    assertStringIncludes(stdout, "     2 same\n", output);
  });
});
