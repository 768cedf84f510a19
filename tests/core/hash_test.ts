import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { createHash } from "node:crypto";
import { hashText, isHash, sha256 } from "../../lib/core/hash.ts";
import { hashOfIdentity } from "../../lib/core/json/canonical.ts";
import { isNewest } from "../this_deno.ts";

describe("hashText()", () => {
  it("is the first 32 hex digits of SHA-256", () => {
    assertEquals<string>(hashText(""), "e3b0c44298fc1c149afbf4c8996fb924");
    assertEquals<string>(hashText("abc"), "ba7816bf8f01cfea414140de5dae2223");
  });
});

describe("isHash()", () => {
  it("accepts 32 hex digits in lower case only", () => {
    assertEquals(isHash("0123456789abcdef0123456789abcdef"), true);
    assertEquals(isHash("0123456789ABCDEF0123456789abcdef"), false);
    assertEquals(isHash("0123456789abcdef0123456789abcde"), false);
    assertEquals(isHash("0123456789abcdef0123456789abcdef\n"), false);
  });
});

describe("hashOfIdentity()", () => {
  it("does not depend on the order of keys or on spaces in a stored record", () => {
    const text = '{"params":{"a":1,"b":{"$bigint":"2"}},"scheme":1,"task":"t"}';
    const shuffled = '{ "task": "t", "scheme": 1, "params": { "b": { "$bigint": "2" }, "a": 1 } }';
    assertEquals(hashOfIdentity(JSON.parse(shuffled)), hashText(text));
  });
});

function expected(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

describe("sha256()", () => {
  it("agrees with node:crypto at every length around the ends of blocks", () => {
    for (let length = 0; length < 300; length++) {
      const text = "abcdefghij".repeat(30).slice(0, length);
      assertEquals(sha256(text), expected(text), `at length ${length}`);
    }
  });

  it("hashes the UTF-8 bytes, lone surrogates as the replacement character", () => {
    for (const text of ["é", "\u{1F600}", "a\ud800b", "\udc00", "日本語".repeat(50)]) {
      assertEquals(sha256(text), expected(text), JSON.stringify(text));
    }
  });

  it("takes a text of megabytes, and short ones after it", () => {
    for (const text of ["x".repeat(3_000_001), "x", "é".repeat(1_000_000), ""]) {
      assertEquals(sha256(text), expected(text));
    }
  });

  it("gives the same when it has changed to node:crypto", () => {
    for (let i = 0; i < 5000; i++) assertEquals(sha256(`text ${i} \ud800`), expected(`text ${i} \ud800`));
  });
});

describe("loadNodeWithin()", () => {
  it("is where node's modules are loaded: not for short texts, however many, but for long ones", async () => {
    const url = new URL("../../lib/core/hash.ts", import.meta.url).href;
    const code = `
      import { loadNodeWithin, sha256 } from ${JSON.stringify(url)};
      const isLoaded = () => Object.hasOwn(console, "_stdout");
      const seen = [isLoaded()];
      loadNodeWithin((load) => (seen.push(isLoaded()), load(), seen.push(isLoaded())));
      for (let i = 0; i < 5000; i++) sha256(String(i));
      seen.push(isLoaded());
      Deno.writeTextFileSync("/dev/stdout", [sha256("x".repeat(2_000_000)), ...seen].join(" "));
    `;
    const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["eval", code] }).output();
    const [made, ...seen] = new TextDecoder().decode(stdout).split(" ");
    assertEquals(made, expected("x".repeat(2_000_000)));
    // An older Deno has loaded them before anybody asked.
    const atFirst = seen[0]!;
    if (isNewest) assertEquals(atFirst, "false");
    assertEquals(seen, [atFirst, atFirst, atFirst, "true"]);
  });
});
