import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Rig } from "../rig.ts";

const CASES: Record<string, RegExp[]> = {
  undeclared: [
    /MissingArtifactError: Cannot load strict\/Dep\(/,
    /asked for by strict\/Strict\(/,
    /declare it/,
  ],
  timer: [/MissingArtifactError: Cannot load strict\/Dep\(/, /asked for by strict\/Strict\(/, /declare it/],
  forced: [/ExecutionError: Cannot force strict\/Dep\(/, /asked for by strict\/Strict\(/],
  itself: [/ExecutionError: Cannot get strict\/Strict\(/],
};

describe("get inside a run", () => {
  for (const isolation of ["process", "inline"]) {
    for (const [act, patterns] of Object.entries(CASES)) {
      it(`in a run (${isolation}) a get that is not allowed (${act}) is a protocol failure that is not retried`, async () => {
        await using rig = new Rig();
        const script = rig.start("e2e/fixtures/strict.ts", [act, isolation]);
        const { code, output, stdout } = await script.ended();
        assertEquals(code, 0, output);
        const { name, kind, attempts, text } = JSON.parse(stdout);
        assertEquals(
          { name, kind, attempts },
          { name: "strict/Strict", kind: "protocol", attempts: 1 },
          text,
        );
        for (const pattern of patterns) assertMatch(text, pattern);
        assertEquals(rig.tree().some((path) => /Strict\/\w+\.json$/.test(path)), false);
      });
    }

    it(`in a run (${isolation}) a wrapped MissingArtifactError counts as one, and a declared one loads`, async () => {
      await using rig = new Rig();
      const wrapped = rig.start("e2e/fixtures/strict.ts", ["wrapped", isolation]);
      const declared = rig.start("e2e/fixtures/strict.ts", ["declared", isolation]);
      const [a, b] = await Promise.all([wrapped.ended(), declared.ended()]);
      assertEquals(JSON.parse(a.stdout).kind, "protocol", a.output);
      assertEquals(JSON.parse(b.stdout).value, "dep", b.output);
    });

    it(`a run inside a task (${isolation}) is refused`, async () => {
      await using rig = new Rig();
      const { stdout, output } = await rig.start("e2e/fixtures/strict.ts", ["nested", isolation], {
        FURU_MAX_COMPUTE_RETRIES: "0",
      }).ended();
      assertStringIncludes(JSON.parse(stdout).text, "runLocal()", output);
    });
  }

  for (const call of ["get", "runLocal"]) {
    it(`a module that calls ${call}() while a worker imports it defines nothing below; the error says to guard it`, async () => {
      await using rig = new Rig();
      const { code, stdout, output } = await rig.start("e2e/fixtures/unguarded.ts", [], {
        FURU_TEST_CALL: call,
      }).ended();
      assertEquals(code, 0, output);
      assertStringIncludes(stdout, "first is there");
      const { kind, attempts, text } = JSON.parse(stdout.trim().split("\n").at(-1)!);
      assertEquals({ kind, attempts }, { kind: "protocol", attempts: 1 }, text);
      assertStringIncludes(text, "unguarded/Second");
      assertStringIncludes(text, `Cannot call ${call}()`);
      assertStringIncludes(text, "guard it with 'if (import.meta.main)");
    });
  }
});
