import { assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { parseCondition, parseMoment, sortEntries } from "../../lib/catalog/conditions.ts";
import type { ArtifactEntry } from "../../lib/catalog/read_entries.ts";
import { UsageError } from "../../lib/core/errors.ts";

const entry = (params: unknown, more: Partial<ArtifactEntry> = {}): ArtifactEntry => ({
  name: "toy/Train",
  hash: "0123456789abcdef0123456789abcdef",
  status: "DONE",
  params,
  ...more,
});

describe("--where", () => {
  const one = entry({
    lr: 0.1,
    model: "tree",
    data: { size: 10 },
    prep: { $artifact: ["toy/Prep", "4f0c12ab89abcdef0123456789abcdef"] },
    text: "a b",
  });
  const table: readonly (readonly [condition: string, holds: boolean])[] = [
    ["lr=0.1", true],
    ["lr=0.10", true],
    ["lr = 1e-1", true],
    ["lr!=0.1", false],
    ["lr<0.2", true],
    ["lr>=0.1", true],
    ["lr>0.1", false],
    ["data.size>9", true],
    ["data.size<=9", false],
    ["model=tree", true],
    ["model~re", true],
    ["model>a", true],
    ["text=a b", true],
    ["prep=4f0c", true],
    ["prep=4f0c12ab89abcdef0123456789abcdef", true],
    ["prep=4f0d", false],
    ["nothing=1", false],
    ["nothing!=1", true],
  ];
  for (const [condition, holds] of table) {
    it(`${condition} ${holds ? "holds" : "does not hold"}`, () => {
      assertEquals(parseCondition(condition)(one), holds);
    });
  }

  it("holds for nothing whose parameters are not known, but for !=", () => {
    assertEquals(["lr=0.1", "lr!=0.1"].map((text) => parseCondition(text)(entry(undefined))), [false, true]);
  });

  it("says what is allowed", () => {
    for (const text of ["lr", "=1", "", "!=2"]) {
      assertThrows(() => parseCondition(text), UsageError, `current value is '${text}'`);
    }
  });
});

describe("--since", () => {
  it("takes times ago and dates", () => {
    const now = Date.parse("2026-11-29T12:00:00Z");
    const ago = (text: string) => (now - parseMoment(text, now)) / 1000;
    assertEquals([ago("30s"), ago("15m"), ago("2h"), ago("1.5d"), ago("1w")], [
      30,
      900,
      7200,
      129600,
      604800,
    ]);
    assertEquals(parseMoment("2026-11-28T10:00:00Z", now), Date.parse("2026-11-28T10:00:00Z"));
    assertEquals(parseMoment("2026-11-28", now), new Date(2026, 10, 28).getTime());
    for (const text of ["", "2", "2 weeks", "yesterday", "1"]) {
      assertThrows(() => parseMoment(text, now), UsageError, `'${text}'`);
    }
  });
});

describe("--sort", () => {
  it("goes by what is known of an artifact, or by a parameter as number or text", () => {
    const list = [
      entry({ lr: 10 }, { hash: "a", bytes: 1 }),
      entry({ lr: 9 }, { hash: "b", bytes: 3 }),
      entry({}, { hash: "c", bytes: 2 }),
    ];
    const hashes = (order: string) => sortEntries(list, order).map(({ hash }) => hash).join("");
    assertEquals([hashes("size"), hashes("lr"), hashes("hash")], ["acb", "bac", "abc"]);
    assertThrows(() => sortEntries(list, "nothing"), UsageError, "allowed are time, size");
    assertEquals(sortEntries([], "nothing"), []);
  });
});
