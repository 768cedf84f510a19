import { assert, assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { toFileUrl } from "@std/path/to-file-url";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { graphProblems } from "../../lib/pack/compile.ts";
import { importMapOf } from "../../lib/pack/import_map.ts";
import { FURU_URL } from "../../lib/core/packed.ts";
import { places } from "../../lib/pack/layout.ts";
import { moduleBytes, moduleGraph } from "../../lib/pack/module_graph.ts";
import { FuruError } from "../../lib/core/errors.ts";

const CONFIG = fromFileUrl(new URL("deno.json", FURU_URL));
const ROOTS = ["cli.ts", "mod.ts", "lib/compiled/load_module.ts"].map((path) => `${FURU_URL}${path}`);

describe("the code in one file", () => {
  it("is complete, and names no folder of the machine it is made on", async () => {
    const graph = await moduleGraph(ROOTS, CONFIG);
    assertEquals(await graphProblems(graph, [fromFileUrl(FURU_URL)]), []);
    assert([...graph.packages.values()].some(({ name }) => name === "zod"));
    const place = places(graph.modules.values());
    const config = JSON.stringify(importMapOf(graph.modules.values(), place));
    assert(!config.includes("file:"), config);
    for (const url of graph.modules.keys()) assert(place(url).startsWith("code/furu/"), url);
  });

  it("has modules of a server with their text as it was, named by what the server says they are", async () => {
    await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, (request) => {
      const text = request.url.endsWith("/a.ts")
        ? `import { b } from "./b?v=1"; export const a: number = b;`
        : B;
      return new Response(text, { headers: { "content-type": "application/typescript" } });
    });
    const root = `http://127.0.0.1:${server.addr.port}/lib/a.ts`;
    const { modules } = await moduleGraph([root], CONFIG);
    const place = places(modules.values());
    const folder = `code/http/127.0.0.1_${server.addr.port}/lib`;
    assertEquals([...modules.keys()].map(place).sort(), [`${folder}/a.ts`, `${folder}/b%3Fv%3D1.ts`]);
    const b = [...modules.values()].find(({ url }) => url !== root)!;
    assertEquals(new TextDecoder().decode(await moduleBytes(b)), B);
    assertEquals(Object.keys(importMapOf(modules.values(), place)["./"]!).length, 1);
  });
});

describe("graphProblems()", () => {
  it("finds code that is not reached, unseen imports, threads in files, and folders", async () => {
    const local = Deno.makeTempFileSync({ suffix: ".ts" });
    const url = `${FURU_URL}lib/bad.ts`;
    Deno.writeTextFileSync(
      local,
      `import(name); // import(comment)\nnew Worker(new URL("./x.ts", import.meta.url));\nconst at = "/some/folder";`,
    );
    try {
      const modules = new Map([[url, { url, local, ending: "", imports: [] }]]);
      const problems = await graphProblems({ modules, packages: new Map() }, ["/some/folder"]);
      assertEquals(problems, [
        "lib/cli/job.ts is not reached by what the program imports",
        "lib/worker/child/child.ts is not reached by what the program imports",
        "lib/worker/child/compute_task.ts is not reached by what the program imports",
        `${url} imports something that is known only when it runs`,
        `${url} starts a thread from a file`,
        `${url} names /some/folder, a folder of this machine`,
      ]);
    } finally {
      Deno.removeSync(local);
    }
  });
});

describe("moduleGraph()", () => {
  it("names the module that is missing and who imports it", async () => {
    const dir = Deno.realPathSync(Deno.makeTempDirSync());
    const root = join(dir, "root.ts");
    Deno.writeTextFileSync(root, `import "./missing.ts";`);
    const error = await assertRejects(() => moduleGraph([toFileUrl(root).href], CONFIG), FuruError);
    assert(error.message.includes("missing.ts"), error.message);
    assert(error.message.includes("root.ts"), error.message);
    Deno.removeSync(dir, { recursive: true });
  });
});

describe("importMapOf()", () => {
  it("says for each module by itself what a name means that has two meanings", () => {
    const place = places([
      ...["file:///p/a.ts", "file:///p/b.ts", "file:///p/x.ts"].map((url) => ({ url })),
      { url: "https://e.org/y?v=1", ending: ".js" },
    ]);
    const imports = (
      target: string,
    ) => [{ specifier: "lib", target }, { specifier: "./x.ts", target: "file:///p/x.ts" }];
    const map = importMapOf([
      { url: "file:///p/a.ts", local: "", ending: ".ts", imports: imports("file:///p/x.ts") },
      { url: "file:///p/b.ts", local: "", ending: ".ts", imports: imports("https://e.org/y?v=1") },
      {
        url: "file:///p/x.ts",
        local: "",
        ending: ".ts",
        imports: [{ specifier: "npm:z@^1", target: "npm:/z@1.2.3" }],
      },
    ], place);
    assertEquals(map, {
      "./": { "npm:z@^1": "npm:z@1.2.3" },
      "./code/user/a.ts": { lib: "./code/user/x.ts" },
      "./code/user/b.ts": { lib: "./code/https/e.org/y%253Fv%253D1.js" },
    });
  });
});

const B = "export const b: number = 1;\n";
