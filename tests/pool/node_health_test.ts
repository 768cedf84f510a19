import { assertEquals } from "@std/assert";
import { NodeHealth } from "../../lib/pool/controller/node_health.ts";

Deno.test("NodeHealth excludes a node after two bad starts in a row, once", () => {
  const told: string[] = [];
  const health = new NodeHealth((node, why) => told.push(`${node}: ${why}`));
  health.bad("a", "first");
  health.bad("b", "other");
  assertEquals([health.excluded, health.suspects], [[], true]);
  for (const why of ["second", "third"]) health.bad("a", why);
  assertEquals([health.excluded, told], [["a"], ["a: second"]]);
});

Deno.test("NodeHealth forgets a bad start when a task starts well", () => {
  const health = new NodeHealth(() => {});
  health.bad("a", "first");
  health.good("a");
  assertEquals(health.suspects, false);
  health.bad("a", "second");
  assertEquals(health.excluded, []);
});
