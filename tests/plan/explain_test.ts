import { assertEquals } from "@std/assert";
import { explain } from "../../lib/plan/explain.ts";
import { plan } from "../../lib/plan/graph.ts";
import { fakeArtifact, FakeSource } from "./fake_graph.ts";

Deno.test("explain() says why each node has its status", async () => {
  const done = fakeArtifact("done"), leaf = fakeArtifact("leaf"), invalid = fakeArtifact("invalid");
  const busy = fakeArtifact("busy"), failed = fakeArtifact("failed");
  const waits = fakeArtifact("waits", [done, leaf, busy]);
  const lost = fakeArtifact("lost", [leaf, failed]);
  const many = fakeArtifact("many", ["1", "2", "3", "4", "5"].map((label) => fakeArtifact(label)));
  const source = new FakeSource().done(done)
    .stored(invalid, { status: "TODO", why: "stored, but validate() returned false" })
    .set(busy, { status: "IN_PROGRESS", owner: "pid 12 on host h since 10:31" })
    .set(failed, { status: "FAILED", error: "TypeError: no\n  at x", log: "/logs/1.log" });
  const made = await plan([waits, lost, many, invalid], source);
  const say = (artifact: { hash: typeof done.hash }) => explain(made, made.nodes.get(artifact.hash)!);
  assertEquals(say(done), "stored");
  assertEquals(
    explain(made, made.nodes.get(done.hash)!, { recordPath: (a) => `/data/${a.name}.json` }),
    "stored at /data/t.json",
  );
  assertEquals(say(leaf), "missing; ready to be computed");
  assertEquals(say(invalid), "stored, but validate() returned false; ready to be computed");
  assertEquals(say(busy), "computed by pid 12 on host h since 10:31");
  assertEquals(say(failed), "failed: TypeError: no, see /logs/1.log");
  assertEquals(say(waits), `missing; waits for 2 of 3 dependencies: ${leaf}, ${busy}`);
  assertEquals(say(lost), `missing; cannot be computed as it needs ${failed}, which failed`);
  const [one, two, three] = made.nodes.get(many.hash)!.dependencies.map((hash) =>
    made.nodes.get(hash)!.artifact
  );
  assertEquals(say(many), `missing; waits for 5 of 5 dependencies: ${one}, ${two}, ${three} and 2 more`);
});

Deno.test("explain() leaves out a log that is not there", async () => {
  const failed = fakeArtifact("failed");
  const made = await plan([failed], new FakeSource().set(failed, { status: "FAILED", error: "no" }));
  assertEquals(explain(made, made.nodes.get(failed.hash)!), "failed: no");
});
