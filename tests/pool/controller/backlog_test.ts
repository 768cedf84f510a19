import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { TaskLimiter } from "../../../lib/pool/pacing.ts";
import { Backlog } from "../../../lib/pool/controller/backlog.ts";

describe("Backlog", () => {
  it("lets as many tasks of a spec into the queue as have room, in their order, specs beside each other", async () => {
    const queuedBySpec = new Map<string, number>();
    const limiter = new TaskLimiter(4, (error) => {
      throw error;
    });
    const backlog = new Backlog(2, { queuedBySpec }, limiter);
    const entered: string[] = [];
    const change = (spec: string, by: number) => queuedBySpec.set(spec, (queuedBySpec.get(spec) ?? 0) + by);
    const add = (spec: string, name: string) =>
      backlog.add(spec, async () => {
        await Promise.resolve();
        entered.push(name);
        change(spec, 1);
      });
    for (const name of ["a1", "a2", "a3", "a4"]) add("a", name);
    add("b", "b1");
    await limiter.idle();
    assertEquals(entered.toSorted(), ["a1", "a2", "b1"]);
    change("a", -1);
    backlog.release("a");
    await limiter.idle();
    assertEquals(entered.at(-1), "a3");
    assertEquals(entered.length, 4);
    backlog.flush();
    await limiter.idle();
    assertEquals(entered.at(-1), "a4", "nothing is held back when the run ends");
  });

  it("lets in those of a higher turn first, of equal ones the first that came", async () => {
    const limiter = new TaskLimiter(1, () => {});
    const queuedBySpec = new Map([["a", 1]]);
    const backlog = new Backlog(1, { queuedBySpec }, limiter);
    const entered: string[] = [];
    const names: [string, number][] = [["x", 0], ["y", -2], ["urgent", 5], ["z", 0], ["limited", 1]];
    for (const [name, turn] of names) {
      backlog.add("a", () => {
        entered.push(name);
        return Promise.resolve();
      }, turn);
    }
    queuedBySpec.set("a", 0);
    backlog.release("a");
    await limiter.idle();
    assertEquals(entered, ["urgent", "limited", "x", "z", "y"]);
  });

  it("goes on when a task was not put into the queue after all", async () => {
    const limiter = new TaskLimiter(1, () => {});
    const backlog = new Backlog(1, { queuedBySpec: new Map() }, limiter);
    let begun = 0;
    for (let each = 0; each < 1000; each++) {
      backlog.add("a", () => {
        begun++;
        return each % 2 === 0 ? Promise.resolve() : Promise.reject(new Error("no"));
      });
    }
    await limiter.idle();
    assertEquals(begun, 1000);
  });
});
