import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { hashOfIdentity } from "../../../lib/core/json/canonical.ts";
import { Rig } from "../../rig.ts";
import { furu } from "../rig.ts";

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
    assertMatch(text, /\ncode +[0-9a-f]{32} of .*permitted.ts: today's is the same\n/);
    const view = JSON.parse(await show(`e2e/Permitted(${hash.slice(0, 8)})`, "--json"));
    assertEquals({
      hash: view.hash,
      status: view.status,
      params: view.params,
      attempt: view.record.attempt,
      failures: view.failures,
    }, { hash, status: "DONE", params: {}, attempt: 1, failures: [] });
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
    assertEquals({ name: view.name, status: view.status, error: view.failures[0].error, logs: view.logs }, {
      name: "toy/Train",
      status: "FAILED",
      error: "it was\nbad",
      logs: [join(home, "1-aaaaaaaaaaaa.log")],
    });
    assertEquals("record" in view, false);
    const claim = { ...common, id: "bbbbbbbbbbbb", backend: "local", leaseSec: 60 };
    Deno.writeTextFileSync(`${home}.claim`, JSON.stringify(claim));
    const running = (await show("01234567")).out;
    assertMatch(running, /status +IN_PROGRESS/);
    assertMatch(running, /running +attempt 2 since .* by ann@far \(pid 7\), local/);
    assertMatch(
      (await show("toy/Train")).out,
      /^toy\/Train {2}1 artifact\n.*\n01234567 +running +2026-01-01/,
    );
    Deno.writeTextFileSync(`${home}.claim`, '{"schema":9}');
    const damaged = await show("01234567");
    assertEquals(damaged.code, 1);
    assertMatch(damaged.out, /damage +StoreError: .*\.claim.*newer furu/);
    assertStringIncludes(damaged.out, "attempt 1 failed");
  });

  it("lists what is stored of a task, and says when there is nothing", async () => {
    const { rig, hash, show } = await withResult();
    await using _ = rig;
    assertMatch(await show("e2e/Permitted"), new RegExp(`\n${hash.slice(0, 8)}  done  .* k?B\n$`));
    const [entry, ...others] = JSON.parse(await show("e2e/Permitted", "--json"));
    assertEquals([entry.name, entry.hash, entry.status, entry.params, others], [
      "e2e/Permitted",
      hash,
      "DONE",
      {},
      [],
    ]);
    assertMatch(await show("e2e/Other"), /^1 .*e2e\/Other/);
    assertMatch(await show("00000000"), /^1 .*Cannot find/);
    // Names that could be digits of a hash.
    for (const name of ["A", "Face"]) {
      Deno.mkdirSync(join(rig.root, "artifacts", name, hash), { recursive: true });
      assertMatch(await show(name), new RegExp(`^${name}  1 artifact\n.*\n${hash.slice(0, 8)}  nothing`));
    }
    assertMatch(await show("a1"), /^2 .*4 to 32 digits/);
  });
});

describe("furu show of what is large", () => {
  it("shows the beginning of long parameters, the last of many failures, and all with --json", async () => {
    await using rig = new Rig();
    const params = { long: "x".repeat(4_000_000), rows: Array.from({ length: 5000 }, (_, i) => i), small: 1 };
    const identity = { params, scheme: 1, task: "toy/Train" };
    const hash = hashOfIdentity(identity);
    const folder = join(rig.root, "artifacts", "toy", "Train");
    Deno.mkdirSync(join(folder, hash), { recursive: true });
    const common = { schema: 1, id: "aaaaaaaaaaaa", attempt: 1 };
    Deno.writeTextFileSync(
      join(folder, `${hash}.json`),
      JSON.stringify({
        ...common,
        identity,
        files: false,
        value: 1,
        createdAt: "2026-01-01T00:00:00.000Z",
        durationMs: 1,
        provenance: {},
      }),
    );
    for (let n = 1; n <= 30; n++) {
      Deno.writeTextFileSync(
        join(folder, hash, `${n}-aaaaaaaaaaaa.json`),
        JSON.stringify({
          ...common,
          attempt: n,
          owner: { host: "far", pid: 7 },
          startedAt: "2026-01-01T00:00:00.000Z",
          kind: "failed",
          failure: "compute",
          error: `bad ${n} ${"y".repeat(15_000)}`,
          endedAt: "2026-01-01T00:01:00.000Z",
        }),
      );
    }
    const show = async (...args: string[]) =>
      (await furu(["show", hash, ...args], { root: () => Promise.resolve(rig.root) })).out;
    const text = await show();
    assert(text.length < 20_000, `${text.length} characters`);
    assertMatch(text, /"long": "x{299}… \(4,000,002 characters, --json shows all\),\n/);
    assertStringIncludes(text, '"small": 1\n');
    assertStringIncludes(text, "(10 earlier ones)");
    assertStringIncludes(text, "bad 30 yyy");
    const view = JSON.parse(await show("--json"));
    assertEquals({
      long: view.params.long.length,
      rows: view.params.rows.length,
      failures: view.failures.length,
    }, { long: 4_000_000, rows: 5000, failures: 30 });
  });
});
