import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { toJavaScript } from "../../lib/compiled/javascript.ts";

const URL_OF_A = "file:///p/a.ts";

/** What becomes of the text of a module, and what it imports. */
async function made(source: string, url = URL_OF_A, resolve = (specifier: string) => specifier) {
  const { code, imports } = await toJavaScript(source, url, resolve);
  return { code, imports: imports.map(({ specifier, target }) => [specifier, target]) };
}

describe("toJavaScript()", () => {
  it("takes types away, and with them imports that nothing but types needs, and leaves lines where they are", async () => {
    const source = `import { type A, b, C } from "./b.ts";
import type { D } from "./types.ts";
interface E extends A {
  x: C;
}
enum F { One = 1 }
class G<T> { constructor(private readonly x: T) {} declare y: string; }
export const h = <const T,>(x: T, ...rest: E[]): x is T => b(x as unknown as D, F.One, rest) satisfies boolean;
await using i = new G<number>(1);
export default b<string>("x")!;
`;
    const { code, imports } = await made(source, URL_OF_A, (name) => new URL(name, URL_OF_A).href);
    assertEquals(imports, [["./b.ts", "file:///p/b.ts"]]);
    assertEquals(code.split("\n").length, source.split("\n").length);
    assertStringIncludes(code.split("\n")[7]!, "export const h = (x, ...rest)");
    for (const left of ["interface", "declare", "satisfies", "readonly", "types.ts", "C"]) {
      assert(!new RegExp(`\\b${left}\\b`).test(code), code);
    }
  });

  const cases: [what: string, source: string, code: string][] = [
    ["a name", 'import x from "me";', 'import x from "file:///q/me.ts";'],
    ["a name that is passed on", 'export * from "me";', 'export * from "file:///q/me.ts";'],
    ["a path", 'import "./b.ts";', 'import "./b.ts";'],
    ["a path that means something else", 'import "./moved.ts";', 'import "file:///q/moved.ts";'],
    [
      "text that looks like one",
      `const x = 'import "me"'; // import "me"`,
      `const x = 'import "me"'; // import "me"`,
    ],
    [
      "data",
      'import x from "me" with { type: "json" };',
      'import x from "file:///q/me.ts" with { type: "json" };',
    ],
  ];
  for (const [what, source, code] of cases) {
    it(`writes what an import means: ${what}`, async () => {
      const map: Record<string, string> = {
        me: "file:///q/me.ts",
        "./b.ts": "file:///p/b.ts",
        "./moved.ts": "file:///q/moved.ts",
      };
      assertEquals((await made(source, "file:///p/a.js", (name) => map[name] ?? name)).code, code);
    });
  }

  it("asks furu for what is imported while it runs, whatever its name is", async () => {
    const { code, imports } = await made(
      "const x = await import('me'); import(`${y}`, { with: {} });",
      "file:///p/a.js",
    );
    assertEquals(imports, []);
    const call = 'globalThis[Symbol.for("furu/1")].importFrom(import.meta.url, ';
    assertEquals(code, `const x = await ${call}'me'); ${call}\`\${y}\`, { with: {} });`);
  });

  it("says where a module cannot be read", async () => {
    for (
      const [source, said] of [
        ["const a = 1;\nconst b: = 2;", "at file:///p/a.ts:2:10"],
        ["\nexport namespace N { export const a = 1; }", "A namespace cannot be read here"],
      ] as const
    ) {
      const error = await assertRejects(() => made(source), SyntaxError, said);
      assertStringIncludes(error.message, "file:///p/a.ts:2");
    }
  });
});
