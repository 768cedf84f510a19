import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { describe, it } from "@std/testing/bdd";
import { runLocal } from "../../../lib/api/run_local.ts";
import { configure } from "../../../lib/core/config.ts";
import { FIXTURES, furu, type Outcome } from "../rig.ts";
import { Rig } from "../../rig.ts";
import { Fits } from "../fixtures/sweep.ts";

const PIPELINE = fromFileUrl(new URL("../../page/fixtures/pipeline.ts", import.meta.url));

async function sweep(rig: Rig): Promise<void> {
  configure({ root: rig.root, recordGit: "ignore" });
  const roots = [1, 2].map((seed) => Fits({ data: { size: 10 }, lr: 0.1, seed }));
  await runLocal(roots, { isolation: "inline", progress: "none" });
}

const call = (rig: Rig, ...args: string[]): Promise<Outcome> =>
  furu(args, { root: () => Promise.resolve(rig.root), cwd: rig.folder });

describe("furu report", () => {
  it("writes a page about the latest run, and over an older one", async () => {
    await using rig = new Rig();
    await sweep(rig);
    const { code, err, out } = await call(rig, "report");
    assertEquals([code, out], [0, ""]);
    assertMatch(err, /^furu-report\.html: Run local-\S+, 2 artifacts: 2 done \(\d+ kB\)\n$/);
    assertMatch(rig.read("furu-report.html"), /^<!doctype html>\n[^]*"sweep\/Fits"/);
    assertEquals((await call(rig, "report", "last")).code, 0);
    assertEquals((await call(rig, "report", "last", "-o", "-")).out.slice(0, 15), "<!doctype html>");
    // Nothing else is left beside it.
    assertEquals([...Deno.readDirSync(rig.folder)].map(({ name }) => name).sort(), [
      "furu-report.html",
      "store",
    ]);
  });

  it("writes over no other file, unless it is told to", async () => {
    await using rig = new Rig();
    await sweep(rig);
    await Deno.writeTextFile(`${rig.folder}/notes.html`, "<!doctype html><p>mine");
    const { code, err } = await call(rig, "report", "-o", "notes.html");
    assertEquals(code, 1);
    assertStringIncludes(err, "is no report of furu's (-o names another, --force replaces it)");
    assertEquals(rig.read("notes.html"), "<!doctype html><p>mine");
    assertEquals((await call(rig, "report", "-o", "notes.html", "--force")).code, 0);
    assertStringIncludes((await call(rig, "report", "-o", "store")).err, "it is a folder");
    assertStringIncludes(
      (await call(rig, "report", "-o", "no/a.html")).err,
      `there is no folder ${rig.folder}/no`,
    );
  });

  it("gives programs the same as JSON", async () => {
    await using rig = new Rig();
    await sweep(rig);
    const report = JSON.parse((await call(rig, "report", "Fits", "--json")).out);
    assertEquals([report.schema, report.kind, report.title, report.nodes.length], [
      1,
      "furu-report",
      "Fits",
      2,
    ]);
    assertEquals(report.nodes[0].params["data.size"], 10);
    assertEquals((await call(rig, "report", "--json", "-o", "a.json")).code, 0);
    assertEquals((await call(rig, "report", "--json", "-o", "a.json")).code, 0);
    assertEquals(JSON.parse(rig.read("a.json")).run.state, "done");
  });

  it("is about a pipeline, too, also before anything is stored", async () => {
    await using rig = new Rig();
    const { code, err } = await call(rig, "report", PIPELINE);
    assertEquals(code, 0, err);
    assertStringIncludes(err, "5 artifacts: 5 not computed");
    assert(!rig.tree().length, "it only reads");
  });

  it("says what it can be about where it is about nothing", async () => {
    await using rig = new Rig();
    assertStringIncludes((await call(rig, "report")).err, "name a module or a task, or give --all");
    await sweep(rig);
    assertStringIncludes((await call(rig, "report", "nope")).err, "it is no run of it, and no module");
    assertEquals((await call(rig, "report", "--all", "Fits")).code, 2);
    assertStringIncludes((await call(rig, "report", "gone.ts")).err, "Cannot find module 'gone.ts'");
    assertMatch((await call(rig, "report", "--all")).err, /store, 2 artifacts: 2 done/);
    const id = [...Deno.readDirSync(`${rig.root}/runs`)][0]!.name;
    assertStringIncludes((await call(rig, "report", id.slice(-6))).err, id);
  });
});

describe("furu serve", () => {
  it("serves on this machine alone, to who knows the address, until Ctrl-C", async () => {
    await using rig = new Rig();
    await sweep(rig);
    const cli = fromFileUrl(new URL("../../../cli.ts", import.meta.url));
    const before = rig.tree();
    const script = rig.start(cli, ["serve", "--json"], { PWD: FIXTURES });
    const deadline = Date.now() + 30_000;
    while (!script.stdout.includes("\n")) {
      assert(script.alive && Date.now() < deadline, script.stderr);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { url, port, token } = JSON.parse(script.stdout);
    assertEquals(url, `http://127.0.0.1:${port}/?token=${token}`);
    const page = await (await fetch(url)).text();
    assertStringIncludes(page, 'data-live="true"');
    assertEquals(
      (await fetch(url.slice(0, -1)).then(async (answer) => [answer.status, await answer.text()]))[0],
      403,
    );
    const events = await fetch(`http://127.0.0.1:${port}/events?since=0&token=${token}`);
    script.kill("SIGINT");
    // Who looks is told that it ends.
    assertMatch(await events.text(), /event: report\n[^]*event: bye\n/);
    const { code } = await script.ended();
    assertEquals(code, 130);
    assertEquals(rig.tree(), before);
  });

  it("refuses what is no port, and what is taken", async () => {
    await using rig = new Rig();
    await sweep(rig);
    const wrong = await call(rig, "serve", "--port", "70000");
    assertEquals(wrong.code, 2);
    assertStringIncludes(wrong.err, "a port from 1 to 65535 is needed");
    using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { err } = await call(rig, "serve", "--port", `${(taken.addr as Deno.NetAddr).port}`);
    assertStringIncludes(err, "is in use; without --port a free one is taken");
  });
});
