import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { delay } from "@std/async/delay";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import type { Browser, Page } from "playwright-core";
import { LiveReport } from "../../lib/page/live_report.ts";
import { pageHtml } from "../../lib/page/page_html.ts";
import { pageHandler } from "../../lib/page/page_server.ts";
import type { Report } from "../../lib/page/report_model.ts";
import { systemClock } from "../../lib/core/system/clock.ts";
import { Rig } from "../rig.ts";
import { hashOf, NASTY, nodeOf, reportOf, startBrowser, sweepOf, watchFaults } from "./rig.ts";

/** Where a box of the graph is, by a question to what the page shows beside it. */
const READY = "html[data-ready]";

/** Waits until the table has so many rows. */
async function rowsAre(page: Page, count: number): Promise<void> {
  const deadline = Date.now() + 15_000;
  while (await page.locator(".tabulator-row").count() !== count) {
    assert(Date.now() < deadline, `there are not ${count} rows`);
    await delay(20);
  }
}

describe("the page in a browser", () => {
  // One for all: to start it takes longer than most of what is done with it.
  let browser: Browser;
  beforeAll(async () => void (browser = await startBrowser()));
  afterAll(() => browser.close());

  it("shows graph, timeline, failures, results and origins, and needs neither network nor furu", async () => {
    await using rig = new Rig();
    const path = `${rig.folder}/report.html`;
    await Deno.writeTextFile(path, await pageHtml(reportOf(sweepOf(12))));
    const page = await browser.newPage({ viewport: { width: 1000, height: 700 } });
    const faults = watchFaults(page, (url) => url.startsWith("file:"));
    await page.goto(`file://${path}`);
    await page.waitForSelector(READY, { state: "attached" });
    assertStringIncludes(await page.innerText(".summary"), "34 done, 1 not computed, 1 failed");

    // The artifacts stand in the list beside the graph: a click shows one, and its neighbours lead on.
    await page.click(".tasks li button:has-text('lr=0.02 seed=1')");
    const details = page.locator(".details");
    assertStringIncludes(await details.innerText(), "loss is NaN </script>");
    assertStringIncludes(await details.innerText(), "epoch 3");
    await details.locator("button:has-text('toy/Data')").click();
    assertMatch(await details.innerText(), /rows\s+1/);
    await page.keyboard.press("Escape");
    assert(await details.isHidden());

    // The middle of the graph's rows is a box: pointing at it tells its parameters, a click opens it.
    await page.click("text=Fold all");
    const canvas = (await page.locator(".canvas").boundingBox())!;
    await page.mouse.move(canvas.x + canvas.width / 2, canvas.y + canvas.height / 2);
    await page.waitForSelector(".tip:visible");
    assertStringIncludes(await page.innerText(".tip"), "toy/Train");
    await page.mouse.click(canvas.x + canvas.width / 2, canvas.y + canvas.height / 2);
    await page.waitForSelector(".task[aria-expanded=true]:has-text('toy/Train')");

    await page.keyboard.press("Escape");
    await page.click("#tab-timeline");
    assertStringIncludes(await page.innerText("#panel-timeline .note"), "12 attempts of 8 workers");
    const lanes = (await page.locator("#panel-timeline canvas").boundingBox())!;
    await page.mouse.move(lanes.x + 152, lanes.y + 33);
    await page.waitForSelector(".tip:visible");
    assertStringIncludes(await page.innerText(".tip"), "attempt 1: success, 0.50 s");

    await page.focus("#tab-timeline");
    await page.keyboard.press("ArrowRight");
    assertEquals(await page.getAttribute("#tab-tasks", "aria-selected"), "true");
    assertMatch(await page.innerText("#panel-tasks"), /toy\/Train\s+12\s+/);

    await page.click("#tab-failures");
    assertStringIncludes(await page.innerText("#panel-failures .log"), "epoch 3\n</script><script>");

    await page.click("#tab-origins");
    assertStringIncludes(await page.innerText("#panel-origins"), "abc123, with changes");

    await page.click("#tab-results");
    await page.selectOption("#panel-results select[aria-label=Task]", "toy/Train");
    const first = page.locator(".tabulator-row").first();
    assertStringIncludes(await first.innerText(), NASTY.slice(0, 40));
    await page.focus(".tabulator-col button:has-text('value.score')");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".tabulator-row:first-child:has-text('0.989')");
    await page.fill("#panel-results input[type=search]", "lr>=0.05 seed<9 status=done");
    await page.waitForSelector("#panel-results [role=status]:has-text('5 of 12')");
    await rowsAre(page, 5);
    await page.click("#panel-results summary");
    await page.selectOption("[aria-label='Plot: horizontal axis']", "seed");
    await page.selectOption("[aria-label='Plot: colours']", "lr");
    assertEquals(await page.getAttribute("#panel-results .chart", "data-points"), "5");
    assertEquals(
      await page.getAttribute("#panel-results .chart", "aria-label"),
      "Plot of value.score against seed: 5 points",
    );
    await first.focus();
    await page.keyboard.press("Enter");
    assertStringIncludes(await details.innerText(), "toy/Train");

    // Nothing of what it shows was code, nothing was loaded, nothing went wrong.
    assertEquals(await page.title(), "Run test – furu");
    assertEquals(faults, []);

    // On a narrow window nothing is wider than that.
    await page.setViewportSize({ width: 420, height: 800 });
    for (const id of ["graph", "timeline", "results"]) {
      await page.click(`#tab-${id}`);
      assertEquals(await page.evaluate("document.documentElement.scrollWidth"), 420, id);
    }
  });

  it("is at hand with 10,000 artifacts, of which it shows tasks, and as many rows as can be seen", async () => {
    await using rig = new Rig();
    const path = `${rig.folder}/report.html`;
    await Deno.writeTextFile(path, await pageHtml(reportOf(sweepOf(3334))));
    const page = await browser.newPage({ viewport: { width: 800, height: 600 } });
    const faults = watchFaults(page, (url) => url.startsWith("file:"));
    const begun = performance.now();
    await page.goto(`file://${path}`);
    await page.waitForSelector(READY, { state: "attached" });
    // About 1.5 s on a quiet machine with two cores: a layout of all would take minutes.
    assert(performance.now() - begun < 45_000, "it takes too long until it can be used");
    await page.click(".task:has-text('toy/Train')");
    assertEquals(await page.locator(".tasks li").count(), 301);
    await page.click(".tasks li button:has-text('3034 more')");
    assertEquals(await page.innerText("#panel-results [role=status]"), "3334 rows");
    assert(await page.locator(".tabulator-row").count() < 200, "rows that nobody sees are made");
    await page.fill("#panel-results input[type=search]", "seed=3000");
    await rowsAre(page, 1);
    assertEquals(faults, []);
  });

  it("goes on with a run while that goes on, and says so when it cannot", async () => {
    const todo = nodeOf(1, { status: "IN_PROGRESS" });
    let read = (): Report => reportOf([nodeOf(0), todo]);
    const clock = {
      ...systemClock,
      sleep: (_: number, signal?: AbortSignal) => systemClock.sleep(50, signal),
    };
    const live = new LiveReport(
      { read: () => Promise.resolve().then(() => read()) },
      Object.setPrototypeOf(clock, systemClock),
    );
    const stopping = new AbortController();
    const handler = pageHandler(live, { token: "t0ken", signal: stopping.signal });
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, handler);
    const page = await browser.newPage();
    const origin = `http://127.0.0.1:${server.addr.port}`;
    const faults = watchFaults(page, (url) => url.startsWith(origin));
    await page.goto(`${origin}/?token=t0ken`);
    await page.waitForSelector(".live.live:has-text('live')");
    assertStringIncludes(await page.innerText(".summary"), "1 done, 1 running");
    read = () =>
      reportOf([nodeOf(0), { ...todo, status: "DONE" }, nodeOf(2, { status: "FAILED", error: "no" })]);
    await page.waitForSelector(".summary:has-text('2 done, 1 failed')");
    assertEquals(await page.innerText("#tab-failures"), "Failures1");
    await page.click(`.tasks li button:has-text('${hashOf(2).slice(0, 8)}')`);
    assertStringIncludes(await page.innerText(".details"), "no");
    read = () => {
      throw new Error("the store is gone");
    };
    await page.waitForSelector(".live.trouble:has-text('the store is gone')");
    assertStringIncludes(await page.innerText(".summary"), "2 done, 1 failed");
    read = () => reportOf([nodeOf(0)]);
    await page.waitForSelector(".summary:has-text('1 done')");
    await page.waitForSelector(".live.live:has-text('live')");
    live.close();
    stopping.abort();
    await page.waitForSelector(".live.ended");
    assertEquals(faults, []);
    await page.close();
    await server.shutdown();
  });
});
