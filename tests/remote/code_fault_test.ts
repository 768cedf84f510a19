import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FURU_VERSION } from "../../lib/core/version.ts";
import { codeFault, otherDeno } from "../../lib/remote/code_fault.ts";

const run = {
  runId: "abc",
  versions: { furu: FURU_VERSION, deno: "2.9.6" },
  entry: "file:///nowhere/pipeline.ts",
};

describe("codeFault()", () => {
  it("names both Denos where the one that is here is too old, whatever else agrees", () => {
    assertEquals(codeFault(run, { version: "2.4.0" }), undefined);
    const fault = codeFault(run, { version: "2.3.7", path: "/opt/deno" });
    assertEquals(
      fault,
      "Cannot work for run abc as furu needs Deno 2.4 or later, this is Deno 2.3.7 (/opt/deno); " +
        "it was begun with Deno 2.9.6",
    );
  });

  it("names another furu first", () => {
    const other = { ...run, versions: { ...run.versions, furu: "0.0.1" } };
    assertStringIncludes(codeFault(other, { version: "2.3.7" })!, "begun with furu 0.0.1");
  });
});

describe("otherDeno()", () => {
  it("is said where both work, and are not the same", () => {
    assertEquals(otherDeno(run, "2.9.6"), undefined);
    assertEquals(otherDeno(run, "2.4.2"), "Deno is 2.4.2 here, the run was begun with Deno 2.9.6");
  });
});
