import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { keptText } from "../../lib/plan/kept.ts";

describe("keptText()", () => {
  it("says how many results stay, of which tasks, and how they are computed too", () => {
    assertEquals(
      keptText({ forced: { "a/Data": 1 }, kept: { "a/Train": 1 } }),
      "forced: 1 artifact of a/Data is computed again, and 1 stored result that depends on it stays as it is: " +
        "a/Train (1); to compute that again, too: --force-dependents (option forceDependents)",
    );
    assertEquals(
      keptText({ forced: { "a/Data": 2, "a/Other": 1 }, kept: { "a/Report": 1, "a/Train": 8 } }),
      "forced: 3 artifacts of a/Data, a/Other are computed again, and 9 stored results that depend on them stay as " +
        "they are: a/Train (8), a/Report (1); to compute those again, too: --force-dependents (option forceDependents)",
    );
    const many = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`a/T${i}`, 9 - i]));
    assertEquals(
      keptText({ forced: { "a/Data": 1 }, kept: many }).split(": ").slice(-2).join(": "),
      "a/T0 (9), a/T1 (8), a/T2 (7), a/T3 (6), a/T4 (5), a/T5 (4), and of 3 other tasks; to compute those again, too: --force-dependents (option forceDependents)",
    );
  });
});
