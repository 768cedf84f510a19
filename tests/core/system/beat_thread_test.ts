import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { BeatThread } from "../../../lib/core/system/beat_thread.ts";
import { exists, Rig, until } from "../../rig.ts";

/** A claim as it is when its beating begins: one file with a private name and its own. */
function claimed(rig: Rig, name: string): { path: string; claim: string; mtime: () => number } {
  const [path, claim] = [`${rig.folder}/.tmp-${name}`, `${rig.folder}/${name}`];
  Deno.writeTextFileSync(path, "");
  Deno.utimeSync(path, 1, 1);
  Deno.linkSync(path, claim);
  return { path, claim, mtime: () => Deno.statSync(claim).mtime!.getTime() };
}

const dead = (reason: string) => {
  throw new Error(`lost: ${reason}`);
};

describe("BeatThread", () => {
  it("changes a claim's time again and again, and leaves no private name", async () => {
    await using rig = new Rig();
    const { path, claim, mtime } = claimed(rig, "a");
    const heartbeat = new BeatThread().start({ path, unlink: true, intervalMs: 20, onLost: dead });
    await until(() => mtime() > 1000, "it has beaten");
    assertEquals(exists(path), false);
    Deno.utimeSync(claim, 1, 1);
    await until(() => mtime() > 1000, "it has beaten again");
    await heartbeat.stop();
    Deno.utimeSync(claim, 1, 1);
    const other = claimed(rig, "b");
    const next = new BeatThread().start({ path: other.path, unlink: true, intervalMs: 10, onLost: dead });
    await until(() => other.mtime() > 1000, "another one beats");
    await next.stop();
    assertEquals(mtime(), 1000, "a stopped one beats no more");
  });

  it("beats while this thread computes without a pause", async () => {
    await using rig = new Rig();
    const { path, claim, mtime } = claimed(rig, "a");
    const heartbeat = new BeatThread().start({ path, unlink: true, intervalMs: 20, onLost: dead });
    await until(() => mtime() > 1000, "it has beaten");
    Deno.utimeSync(claim, 1, 1);
    const end = performance.now() + 5000;
    while (mtime() === 1000) assert(performance.now() < end, "it did not beat within 5 s");
    await heartbeat.stop();
  });

  it("tells that the claim was removed by somebody else", async () => {
    await using rig = new Rig();
    const { path, claim } = claimed(rig, "a");
    let lost = "";
    const heartbeat = new BeatThread().start({
      path,
      unlink: true,
      intervalMs: 10,
      onLost: (reason) => lost = reason,
    });
    await until(() => !exists(path), "it has opened the file");
    Deno.removeSync(claim);
    await until(() => lost !== "", "it has noticed");
    assertStringIncludes(lost, "removed");
    await heartbeat.stop();
  });

  it("beats a file of its own, whatever has its name meanwhile", async () => {
    await using rig = new Rig();
    const { path, claim } = claimed(rig, "a");
    const heartbeat = new BeatThread().start({ path, unlink: true, intervalMs: 10, onLost: dead });
    await until(() => !exists(path), "it has opened the file");
    Deno.renameSync(claim, `${claim}.moved`);
    Deno.writeTextFileSync(claim, "somebody else's");
    Deno.utimeSync(claim, 1, 1);
    Deno.utimeSync(`${claim}.moved`, 1, 1);
    await until(() => Deno.statSync(`${claim}.moved`).mtime!.getTime() > 1000, "it has beaten");
    assertEquals(Deno.statSync(claim).mtime!.getTime(), 1000);
    await heartbeat.stop();
  });

  it("whose beating has not begun stops without a thread, and removes the private name", async () => {
    await using rig = new Rig();
    const { path, claim } = claimed(rig, "a");
    const heartbeat = new BeatThread().start({
      path,
      unlink: true,
      intervalMs: 10,
      afterMs: 60_000,
      onLost: dead,
    });
    await heartbeat.stop();
    assertEquals([exists(path), exists(claim)], [false, true]);
    await heartbeat.stop(); // harmless
  });

  it("leaves a name alone that is no private one, and tells that its process was declared dead", async () => {
    await using rig = new Rig();
    const { path, claim, mtime } = claimed(rig, "owner");
    const dead = `${rig.folder}/dead`;
    let lost = "";
    const heartbeat = new BeatThread().start({ path, dead, intervalMs: 10, onLost: (why) => lost = why });
    await until(() => mtime() > 1000, "it has beaten");
    assertEquals([exists(path), lost], [true, ""]);
    Deno.writeTextFileSync(dead, "{}");
    await until(() => lost !== "", "it has noticed");
    assertStringIncludes(lost, "declared dead");
    Deno.utimeSync(claim, 1, 1);
    await heartbeat.stop();
    assertEquals(mtime(), 1000, "it beats no more");
  });
});
