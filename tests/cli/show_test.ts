import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { Rig } from "../rig.ts";
import { furu } from "./rig.ts";

const PIPELINE = "e2e/fixtures/permitted.ts";

/** A store with one result. */
async function withResult(): Promise<
  { rig: Rig; hash: string; show: (...args: string[]) => Promise<string> }
> {
  const rig = new Rig();
  const { code, output } = await rig.start(PIPELINE, ["get"]).ended();
  assertEquals(code, 0, output);
  const record = rig.tree().find((name) => name.endsWith(".json"))!;
  const show = async (...args: string[]) => {
    const { code, out, err } = await furu(["show", ...args], { root: () => Promise.resolve(rig.root) });
    return code === 0 ? out : `${code} ${err}`;
  };
  return { rig, hash: record.slice(-37, -5), show };
}

describe("furu show", () => {
  it("tells where a result is and where it comes from", async () => {
    const { rig, hash, show } = await withResult();
    await using _ = rig;
    const text = await show(hash.slice(0, 8));
    assertMatch(text, new RegExp(`^task +e2e/Permitted\nhash +${hash}\nstatus +DONE\nparams +\\{\\}\n`));
    assertStringIncludes(text, join(rig.root, "artifacts", "e2e", "Permitted", `${hash}.json`));
    assertMatch(text, /\nby +.*furu \d.*Deno \d/);
    // It was computed outside of Slurm.
    assertEquals(/\ncode /.test(text), false);
    const view = JSON.parse(await show(`e2e/Permitted(${hash.slice(0, 8)})`, "--json"));
    assertEquals([view.hash, view.status, view.params, view.record.attempt, view.failures], [
      hash,
      "DONE",
      {},
      1,
      [],
    ]);
    assertEquals("value" in view.record, false);
    assertEquals(Deno.statSync(join(view.files, "file")).isFile, true);
  });

  it("tells who computes an artifact, and how its attempts failed", async () => {
    await using rig = new Rig();
    const hash = "0123456789abcdef0123456789abcdef";
    const home = join(rig.root, "artifacts", "toy", "Train", hash);
    const owner = { host: "far", pid: 7, user: "ann" };
    const common = { schema: 1, owner, startedAt: "2026-01-01T00:00:00.000Z" };
    Deno.mkdirSync(home, { recursive: true });
    const write = (name: string, record: unknown) =>
      Deno.writeTextFileSync(join(home, name), typeof record === "string" ? record : JSON.stringify(record));
    write("1-aaaaaaaaaaaa.json", {
      ...common,
      id: "aaaaaaaaaaaa",
      attempt: 1,
      kind: "failed",
      failure: "compute",
      error: "it was\nbad",
      endedAt: "2026-01-01T00:01:00.000Z",
    });
    write("1-aaaaaaaaaaaa.log", "words");
    const show = async (...args: string[]) =>
      await furu(["show", ...args], { root: () => Promise.resolve(rig.root) });
    const failed = (await show("01234567")).out;
    assertMatch(failed, /status +FAILED/);
    assertStringIncludes(failed, "attempt 1 failed 2026-01-01T00:01:00.000Z: it was bad");
    assertStringIncludes(failed, join(home, "1-aaaaaaaaaaaa.log"));
    const view = JSON.parse((await show("01234567", "--json")).out);
    assertEquals([view.name, view.status, view.failures[0].error, view.logs], [
      "toy/Train",
      "FAILED",
      "it was\nbad",
      [join(home, "1-aaaaaaaaaaaa.log")],
    ]);
    assertEquals("record" in view, false);
    write("running.json", { ...common, id: "bbbbbbbbbbbb", attempt: 2, backend: "local", leaseSec: 60 });
    const running = (await show("01234567")).out;
    assertMatch(running, /status +IN_PROGRESS/);
    assertMatch(running, /running +attempt 2 since .* by ann@far \(pid 7\), local/);
    assertEquals((await show("toy/Train")).out, `${hash}  no result\n`);
    write("running.json", { schema: 9 });
    const damaged = await show("01234567");
    assertEquals(damaged.code, 1);
    assertMatch(damaged.out, /damage +StoreError: .*running\.json.*newer furu/);
    assertStringIncludes(damaged.out, "attempt 1 failed");
  });

  it("lists what is stored of a task, and says when there is nothing", async () => {
    const { rig, hash, show } = await withResult();
    await using _ = rig;
    assertEquals(await show("e2e/Permitted"), `${hash}  stored\n`);
    assertEquals(JSON.parse(await show("e2e/Permitted", "--json")), [{
      name: "e2e/Permitted",
      hash,
      stored: true,
    }]);
    assertMatch(await show("e2e/Other"), /^1 .*e2e\/Other/);
    assertMatch(await show("00000000"), /^1 .*Cannot find/);
    // Names that could be digits of a hash.
    for (const name of ["A", "Face"]) {
      Deno.mkdirSync(join(rig.root, "artifacts", name, hash), { recursive: true });
      assertEquals(await show(name), `${hash}  no result\n`);
    }
    assertMatch(await show("a1"), /^2 .*4 to 32 digits/);
  });
});
