import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { systemMachine } from "../../../lib/core/system/system_machine.ts";

const linux = Deno.build.os === "linux";

describe("system machine", () => {
  it("self names this process", () => {
    const { self } = systemMachine();
    assertEquals({ host: self.host, pid: self.pid }, { host: Deno.hostname(), pid: Deno.pid });
    if (!linux) return;
    assertMatch(self.boot ?? "", /^[0-9a-f-]{36}$/);
    assertMatch(self.start ?? "", /^\d+$/);
    assertMatch(self.pidNamespace ?? "", /^pid:\[\d+\]$/);
  });
});

describe("isGone()", () => {
  it({
    name: "is true only of processes of this host, boot and PID namespace that are provably gone",
    ignore: !linux,
    fn: async () => {
      const { self, isGone } = systemMachine();
      assert(!isGone(self));
      assert(isGone({ ...self, start: "1" }), "the pid belongs to somebody else now");
      const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
      const stat = Deno.readTextFileSync(`/proc/${child.pid}/stat`);
      const start = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]!;
      const owner = { ...self, pid: child.pid, start };
      assert(!isGone(owner));
      child.kill("SIGKILL");
      await child.status;
      assert(isGone(owner));
      for (const place of [{ host: "other" }, { boot: "other" }, { pidNamespace: "pid:[1]" }]) {
        assert(!isGone({ ...owner, ...place }), "nobody can tell from here");
      }
      const { start: _, ...unknown } = owner;
      assert(!isGone(unknown), "without its start time another process could have its pid");
    },
  });
});

describe("randomId()", () => {
  it("gives 12 hex digits, another one each time", () => {
    const { randomId } = systemMachine();
    const ids = Array.from({ length: 100 }, randomId);
    assert(ids.every((id) => /^[0-9a-f]{12}$/.test(id)));
    assertEquals(new Set(ids).size, 100);
  });
});
