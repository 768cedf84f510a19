import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { checkOurs, isSameUser } from "../../../lib/slurm/run/check_ours.ts";

const self = { host: "login2", pid: 2, user: "bob", uid: 1001 };
const bob = { ...self, host: "login1", pid: 1 };
const alice = { host: "login1", pid: 1, user: "alice", uid: 1000 };
const specs = { default: {} };

describe("checkOurs()", () => {
  const table = [
    ["its user and cluster are ours", { submitter: bob, cluster: "west", specs }, "ours"],
    ["a run without jobs needs no cluster", { submitter: bob, specs: {} }, "ours"],
    ["another user", { submitter: alice, cluster: "west", specs }, "other user"],
    [
      "another user of the same name",
      { submitter: { ...alice, user: "bob" }, cluster: "west", specs },
      "other user",
    ],
    ["another cluster", { submitter: bob, cluster: "east", specs }, "other cluster"],
    ["a record of before clusters were written down", { submitter: bob, specs }, "unknown"],
    [
      "a record of before users' numbers were written down",
      { submitter: { host: "login1", pid: 1, user: "bob" }, cluster: "west", specs },
      "unknown",
    ],
  ] as const;
  for (const [what, run, kind] of table) {
    it(`tells "${kind}": ${what}`, () => assertEquals(checkOurs(run, self, "west").kind, kind));
  }

  it("does not know while Slurm does not say which cluster this is, but for another user's", () => {
    assertEquals(checkOurs({ submitter: bob, cluster: "west", specs }, self).kind, "unknown");
    assertEquals(checkOurs({ submitter: alice, cluster: "west", specs }, self), {
      kind: "other user",
      user: "alice",
    });
  });

  it("tells users apart by number, and by name only that they differ", () => {
    assertEquals(isSameUser(bob, self), true);
    assertEquals(isSameUser(alice, self), false);
    const { uid: _, ...named } = alice;
    assertEquals(isSameUser(named, self), false);
    assertEquals(isSameUser({ ...named, user: "bob" }, self), undefined);
  });
});
