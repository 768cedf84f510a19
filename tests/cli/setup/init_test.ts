import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { newProjectFiles } from "../../../lib/cli/setup/project_files.ts";
import { furu } from "../rig.ts";
import { Rig } from "../../rig.ts";

async function deno(folder: string, ...args: string[]): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args,
    cwd: folder,
    env: { NO_COLOR: "1" },
    stdin: "null",
  });
  const { code, stdout, stderr } = await command.output();
  const text = new TextDecoder().decode(stdout);
  assertEquals(code, 0, text + new TextDecoder().decode(stderr));
  return text;
}

describe("furu init", () => {
  it("makes a project whose plan, test and formatting are right", async () => {
    await using rig = new Rig();
    const { code, out } = await furu(["init", "my project"], { cwd: rig.folder });
    assertEquals(code, 0);
    assertStringIncludes(out, "cd 'my project'\n  deno task furu plan pipeline.ts\n");
    const folder = `${rig.folder}/my project`;
    const [plan] = await Promise.all([
      deno(folder, "task", "-q", "furu", "plan", "pipeline.ts", "--json"),
      deno(folder, "test", "-A", "--no-check", "--quiet"),
      deno(folder, "fmt", "--check", "pipeline.ts", "pipeline_test.ts"),
    ]);
    assertEquals(JSON.parse(plan).nodes.length, 6);
  });

  it("leaves files as they are that are there, and says what they lack", async () => {
    await using rig = new Rig();
    Deno.writeTextFileSync(`${rig.folder}/deno.json`, "{}");
    Deno.writeTextFileSync(`${rig.folder}/.gitignore`, "dist\n");
    const first = await furu(["init", "--json"], { cwd: rig.folder });
    const { made, kept, hints } = JSON.parse(first.out);
    assertEquals(kept, ["deno.json", ".gitignore"]);
    assertEquals(made, ["furu.json", "pipeline.ts", "pipeline_test.ts"]);
    assertMatch(hints[0], /deno\.json does not know furu\. Add to it:\n\{/);
    assertStringIncludes(hints[1], "/furu-data/");
    assertEquals(Deno.readTextFileSync(`${rig.folder}/deno.json`), "{}");
    const again = await furu(["init"], { cwd: rig.folder });
    assertMatch(again.out, /^kept {2}deno\.json, which was there\nkept {2}furu\.json/);
    const file = await furu(["init", "deno.json"], { cwd: rig.folder });
    assertEquals(file.code, 2);
    assertMatch(file.err, /Cannot make a project in .*deno\.json as it is a file/);
  });

  it("finds furu in a checkout by a link, from a registry by its version", () => {
    const files = (url: string, isPacked = false, folder = "/home/me/mine") =>
      newProjectFiles({ folder, source: { url, version: "1.2.3", isPacked }, isInWorkspace: false });
    const near = files("file:///home/me/furu/");
    assertEquals(JSON.parse(near.get("deno.json")!).links, ["../furu"]);
    assertStringIncludes(near.get("furu.json")!, '"$schema": "../furu/furu.schema.json"');
    assertEquals(JSON.parse(files("file:///opt/furu/").get("deno.json")!).links, ["/opt/furu"]);
    const published = files("https://example.invalid/furu/1.2.3/");
    const { imports, links } = JSON.parse(published.get("deno.json")!);
    assertEquals({ imports, links }, {
      imports: { "@furu/furu": "jsr:@furu/furu@^1.2.3" },
      links: undefined,
    });
    assertStringIncludes(published.get("furu.json")!, "https://example.invalid/furu/1.2.3/furu.schema.json");
    assertEquals(files("file:///tmp/x/", true).get("furu.json")!.includes("$schema"), false);
  });

  it("makes a project below a workspace one of its own", async () => {
    await using rig = new Rig();
    Deno.writeTextFileSync(`${rig.folder}/deno.json`, '{ "workspace": [] } // a comment');
    await furu(["init", "below"], { cwd: rig.folder });
    const config = JSON.parse(Deno.readTextFileSync(`${rig.folder}/below/deno.json`));
    assertEquals({ workspace: config.workspace, links: config.links.length }, { workspace: [], links: 1 });
  });
});
