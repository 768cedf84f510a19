import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Freshness } from "../../../lib/slurm/jobs/freshness.ts";

describe("Freshness", () => {
  it("takes lists for fresh until one lacks what Slurm already had", () => {
    const lists = new Freshness(10_000);
    assertEquals(lists.intervalMs, 10_000);
    assertEquals([lists.shows(100, 99), lists.shows(100, 100)], [true, false]);
    lists.lacked(30_000, 5000);
    assertEquals({ ageMs: lists.ageMs, intervalMs: lists.intervalMs }, { ageMs: 25_000, intervalMs: 25_000 });
    assertEquals([lists.shows(60_000, 34_999), lists.shows(60_000, 35_000)], [true, false]);
  });

  it("keeps the oldest, at most five minutes, and comes back slowly", () => {
    const lists = new Freshness(10_000);
    lists.lacked(60_000, 0);
    lists.lacked(70_000, 60_000);
    assertEquals(lists.ageMs, 60_000);
    lists.shown(70_000, 65_000);
    assertEquals(lists.ageMs, 45_000);
    lists.shown(70_000, 0);
    assertEquals(lists.ageMs, 45_000);
    lists.lacked(9_000_000, 0);
    assertEquals(lists.intervalMs, 300_000);
    for (let i = 0; i < 30; i++) lists.shown(70_000, 70_000);
    assertEquals(lists.intervalMs, 10_000);
  });
});
