import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type NameMap, resolveSpecifier } from "../../lib/compiled/resolution.ts";

const BASE = "file:///p/src/a.ts";
const MAP: NameMap = {
  imports: {
    me: "file:///p/lib/me.ts",
    "@/": "file:///p/lib/",
    "@/deep/": "file:///p/deep/",
    zod: "npm:zod@^4",
    f: "jsr:@furu/furu@^0.1",
    "file:///p/src/old.ts": "file:///p/src/new.ts",
  },
  scopes: {
    "file:///p/src/": { me: "file:///p/src/me.ts" },
    "file:///p/src/inner/": { me: "file:///p/src/inner/me.ts" },
    "file:///p/b.ts": { me: "file:///p/only.ts" },
  },
};

describe("resolveSpecifier()", () => {
  const cases: [what: string, specifier: string, base: string, target: string][] = [
    ["a path is seen from its module", "../lib/x.ts", BASE, "file:///p/lib/x.ts"],
    ["a path from the root", "/q/x.ts", BASE, "file:///q/x.ts"],
    ["a path may stand for another one", "./old.ts", BASE, "file:///p/src/new.ts"],
    ["a name", "me", "file:///p/x.ts", "file:///p/lib/me.ts"],
    ["a name in the scope of its folder", "me", BASE, "file:///p/src/me.ts"],
    ["the innermost scope counts", "me", "file:///p/src/inner/b.ts", "file:///p/src/inner/me.ts"],
    ["a scope of one module", "me", "file:///p/b.ts", "file:///p/only.ts"],
    ["the beginning of a name", "@/x/y.ts", BASE, "file:///p/lib/x/y.ts"],
    ["the longest beginning", "@/deep/y.ts", BASE, "file:///p/deep/y.ts"],
    ["a path in a package", "zod/v4/core", BASE, "npm:zod@^4/v4/core"],
    ["a path in a package of JSR", "f/cli", BASE, "jsr:@furu/furu@^0.1/cli"],
    ["no beginning without a slash", "mellow", BASE, "mellow"],
    ["a name of nothing", "lodash", BASE, "lodash"],
    ["a URL", "https://e.org/x.ts", BASE, "https://e.org/x.ts"],
  ];
  for (const [what, specifier, base, target] of cases) {
    it(`says what an import means: ${what}`, () =>
      assertEquals(resolveSpecifier(specifier, base, MAP), target));
  }
});
