import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ConfigError } from "../../../lib/core/errors.ts";
import {
  DENO_LEAST,
  DENO_TESTED,
  denoFault,
  isOlderDeno,
  requireDeno,
} from "../../../lib/core/system/deno_range.ts";

const read = (path: string): string => Deno.readTextFileSync(new URL(`../../../${path}`, import.meta.url));

describe("isOlderDeno()", () => {
  const cases: [version: string, than: string, isOlder: boolean][] = [
    ["2.3.7", "2.4", true],
    ["1.46.3", "2.4", true],
    ["2.4.0", "2.4", false],
    ["2.4.0-rc.1", "2.4", false],
    ["2.10.0", "2.4", false],
    ["3.0.0", "2.4", false],
    ["2.4.2", "2.4.3", true],
    ["2.4.3", "2.4.3", false],
    ["2.9.6+abc1234", "2.9.6", false],
    ["2", "2.4", true],
  ];
  for (const [version, than, isOlder] of cases) {
    it(`says that ${version} is ${isOlder ? "" : "not "}older than ${than}`, () => {
      assertEquals(isOlderDeno(version, than), isOlder);
    });
  }
});

describe("the range of Denos", () => {
  it("begins with the oldest that is tested, and holds this one", () => {
    const [oldest, newest] = DENO_TESTED;
    assert(oldest.startsWith(`${DENO_LEAST}.`) && isOlderDeno(oldest, newest));
    assertEquals(denoFault(), undefined);
    requireDeno();
  });

  it("is what CI runs with, and what the pages say", () => {
    const [oldest, newest] = DENO_TESTED;
    const ci = read(".ci/run");
    assertStringIncludes(ci, `deno@${newest})`);
    assertStringIncludes(ci, `deno@${oldest} `);
    for (const page of ["README.md", "docs/platforms.md"]) {
      for (const words of [oldest, newest, `${DENO_LEAST} `]) assertStringIncludes(read(page), words);
    }
    assertStringIncludes(read("docs/tutorial.md"), `(https://deno.com) ${DENO_LEAST} or newer`);
  });

  it("is named in the error below it, with what is there and what to do", () => {
    const old = { version: "2.3.7", path: "/opt/deno" };
    const error = assertThrows(() => requireDeno(old), ConfigError);
    assertStringIncludes(
      error.message,
      "furu needs Deno 2.4 or later, this is Deno 2.3.7 (/opt/deno): 'deno upgrade'",
    );
    assertEquals(error.stack, `ConfigError: ${error.message}`);
  });
});
