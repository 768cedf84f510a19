import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { sourcesDigest } from "../../page/sources.ts";
import { toBase64 } from "../../lib/core/json/base64.ts";
import { PAGE_SOURCES } from "../../lib/page/page_bundle.ts";
import { embeddedJson, PAGE_MARK, pageHtml } from "../../lib/page/page_html.ts";
import { escapeHtml } from "../../lib/ui/cell_block.ts";
import { NASTY, nodeOf, reportOf } from "./rig.ts";

describe("pageHtml()", () => {
  it("holds a report such that no text in it becomes markup or code", async () => {
    const report = reportOf([nodeOf(0, { params: { [NASTY]: NASTY }, error: NASTY })], { title: NASTY });
    const html = await pageHtml(report);
    const [, json = ""] = /<script type="application\/json" [^>]*>([^]*?)<\/script>/.exec(html) ?? [];
    assertEquals(JSON.parse(json), report);
    for (const char of ["<", ">", "&", "\u2028", "\u2029"]) assert(!json.includes(char), `it holds ${char}`);
    // The data, the code, and nothing else that is an element of script or style.
    assertEquals(html.match(/<script/g)?.length, 2);
    assertEquals(html.match(/<\/script>/g)?.length, 2);
    assertEquals(html.match(/<style/g)?.length, 1);
    assertStringIncludes(html, `<title>${escapeHtml(NASTY)} – furu</title>`);
    assertStringIncludes(html.slice(0, 200), PAGE_MARK);
  });

  it("has a policy that allows its own script and style, by their digests, and nothing else", async () => {
    const html = await pageHtml(reportOf([]));
    const [, policy = ""] = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(html) ?? [];
    assertMatch(
      policy,
      /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; img-src data:; base-uri 'none'; form-action 'none'$/,
    );
    const [, script = ""] = /<script>([^]*?)<\/script>/.exec(html) ?? [];
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(script)));
    assertStringIncludes(policy, `'sha256-${toBase64(digest)}'`);
    assertStringIncludes(await pageHtml(reportOf([]), { live: true }), "; connect-src 'self'");
  });

  it("holds the licences of the libraries that are in it, and no address to load from", async () => {
    const html = await pageHtml(reportOf([]));
    for (const name of ["cytoscape", "@dagrejs/dagre", "@dagrejs/graphlib", "tabulator-tables", "uplot"]) {
      assertMatch(html, new RegExp(`\\n${name} \\d+\\.\\d+\\.\\d+\\n`));
    }
    assertEquals(html.match(/Permission is hereby granted/g)?.length, 5);
    assertEquals(html.match(/<(?:link|img|iframe|script src)|@import|sourceMappingURL/g), null);
  });
});

describe("embeddedJson()", () => {
  it("is JSON of the same", () => {
    const value = { [NASTY]: [NASTY, 1, null, true], deep: { a: "\\u003c" } };
    assertEquals(JSON.parse(embeddedJson(value)), value);
  });
});

describe("the bundle", () => {
  it("is what its sources give: else `deno task page` makes it again", async () => {
    assertEquals(PAGE_SOURCES, await sourcesDigest());
  });
});
