import { assertEquals } from "@std/assert";
import type { Owner } from "../../lib/core/system/machine.ts";
import { privateName } from "../../lib/store/layout.ts";
import { osError, testMachine } from "../rig.ts";
import { StoreRig } from "./rig.ts";

const machine = testMachine();
const dead: Owner = { ...machine.self, pid: 999_999_999 };

function leave(rig: StoreRig, owner: Owner, kind: "tmp" | "trash"): string {
  Deno.mkdirSync(rig.paths.home, { recursive: true });
  const path = privateName(rig.paths.home, kind, { ...machine, self: owner });
  Deno.writeTextFileSync(path, "");
  return path.split("/").at(-1)!;
}

Deno.test("the next claimant removes what dead processes of this host left under private names, and nothing else", async () => {
  await using rig = new StoreRig();
  leave(rig, dead, "tmp");
  leave(rig, dead, "trash");
  const kept = [
    leave(rig, machine.self, "tmp"),
    leave(rig, { ...dead, host: "elsewhere" }, "trash"),
    leave(rig, { ...machine.self, pid: 1, start: "0" }, "tmp"),
  ];
  const reused = kept.pop(); // process 1 lives, but it is not the one that started then
  await rig.claim();
  assertEquals(rig.names(), [...kept, "running.json"].sort());
  assertEquals(rig.names().includes(reused!), false);
});

Deno.test("litter that cannot be removed is no reason not to claim", async () => {
  await using rig = new StoreRig();
  const name = leave(rig, dead, "tmp");
  const remove = (path: string) =>
    path.endsWith(name) ? Promise.reject(osError("EACCES")) : Promise.resolve(Deno.removeSync(path));
  const claim = await rig.claim(rig.store({ files: { remove } }));
  assertEquals(claim.attempt.n, 1);
});
