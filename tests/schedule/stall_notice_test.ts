import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { jointReason, StallNotice } from "../../lib/schedule/stall_notice.ts";

describe("StallNotice", () => {
  it("says a reason after a minute without progress, once, and again when it changes", () => {
    const said: string[] = [];
    const notice = new StallNotice((text) => said.push(text), 0);
    const look = (now: number, key: string) => notice.look(now, { key, text: `${key} it is` });
    look(59_000, "a");
    look(60_000, "a");
    look(200_000, "a");
    look(201_000, "b");
    look(230_000, "c");
    assertEquals(said, [
      "nothing has moved for 1m: a it is",
      "nothing has moved for 3m 21s: b it is",
    ]);
    notice.moved(300_000);
    look(310_000, "b");
    look(361_000, "b");
    assertEquals(said.at(-1), "nothing has moved for 1m 1s: b it is");
    notice.look(500_000, undefined);
    assertEquals(said.length, 3);
  });

  it("names three of many, and has one key for reasons that differ by numbers", () => {
    const reasons = (n: number) => ["a", "b", "c", "d"].map((of) => ({ of, why: `job ${n}, for ${n}m` }));
    const joint = jointReason(reasons(3));
    assertEquals(
      joint?.text,
      "a waits for job 3, for 3m; b waits for job 3, for 3m; c waits for job 3, for 3m; and 1 more",
    );
    assertEquals(joint?.key, jointReason(reasons(77))?.key);
    assertEquals(jointReason([]), undefined);
  });
});
