import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Clock } from "../../lib/core/system/clock.ts";
import { LiveReport } from "../../lib/page/live_report.ts";
import { newToken, pageHandler, refusalOf } from "../../lib/page/page_server.ts";
import { deltaOf, type LiveEvent, type Report } from "../../lib/page/report_model.ts";
import { nodeOf, reportOf } from "./rig.ts";

const TOKEN = "0123456789abcdef";

function ask(
  path = `/?token=${TOKEN}`,
  { method = "GET", ...headers }: Record<string, string> & { method?: string } = {},
): Request {
  return new Request(`http://127.0.0.1:8000${path}`, {
    method,
    headers: { host: "127.0.0.1:8000", ...headers },
  });
}

describe("refusalOf()", () => {
  it("lets pass who knows the token, under names of this machine only", () => {
    for (const host of ["127.0.0.1:8000", "localhost:9999", "[::1]:8000", "localhost"]) {
      assertEquals(refusalOf(ask(undefined, { host }), TOKEN), undefined, host);
    }
    for (
      const host of [
        "evil.example",
        "evil.example:8000",
        "127.0.0.1.evil.example:8000",
        "localhost.evil:80",
        "",
      ]
    ) {
      assertEquals(refusalOf(ask(undefined, { host }), TOKEN)?.status, 403, host);
    }
  });

  it("refuses a wrong token, however near", () => {
    for (
      const query of [
        "",
        "?token=",
        `?token=${TOKEN}0`,
        `?token=${TOKEN.slice(1)}`,
        "?token=0123456789abcdee",
        "?TOKEN=x",
      ]
    ) {
      assertEquals(refusalOf(ask(`/${query}`), TOKEN)?.status, 403, query);
    }
    assertEquals(refusalOf(ask("/?token="), newToken())?.status, 403);
    assertMatch(newToken(), /^[0-9a-f]{48}$/);
  });

  it("refuses all but reading, and what other pages ask for", () => {
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]) {
      assertEquals(refusalOf(ask(undefined, { method }), TOKEN)?.status, 405, method);
    }
    for (const origin of ["http://evil.example", "null", "https://127.0.0.1:8000", "http://127.0.0.1:8001"]) {
      assertEquals(refusalOf(ask(undefined, { origin }), TOKEN)?.status, 403, origin);
    }
    assertEquals(refusalOf(ask(undefined, { origin: "http://127.0.0.1:8000" }), TOKEN), undefined);
    const frame = {
      "sec-fetch-site": "cross-site",
      "sec-fetch-mode": "navigate",
      "sec-fetch-dest": "iframe",
    };
    assertEquals(refusalOf(ask(undefined, frame), TOKEN)?.status, 403);
    assertEquals(refusalOf(ask(undefined, { ...frame, "sec-fetch-dest": "document" }), TOKEN), undefined);
    assertEquals(refusalOf(ask(`/etc/passwd?token=${TOKEN}`), TOKEN)?.status, 404);
  });
});

/** A clock whose sleeps end when they are told to. */
function handClock(): Clock & { tick(): Promise<void> } {
  const sleeping: (() => void)[] = [];
  let now = 0;
  return {
    now: () => now,
    monotonic: () => now,
    sleep: (ms, signal) =>
      new Promise<void>((resolve, reject) => {
        sleeping.push(() => {
          now += ms;
          resolve();
        });
        signal?.addEventListener("abort", () => reject(signal.reason));
      }),
    async tick() {
      for (let i = 0; i < 20; i++) await Promise.resolve();
      sleeping.shift()?.();
      for (let i = 0; i < 20; i++) await Promise.resolve();
    },
  } as Clock & { tick(): Promise<void> };
}

describe("LiveReport", () => {
  it("tells what has changed, all of it to who has missed something, and nothing where nothing has", async () => {
    const clock = handClock();
    let nodes = [nodeOf(0), nodeOf(1, { status: "TODO" })];
    let reads = 0;
    const live = new LiveReport({
      read: () => Promise.resolve(reportOf(nodes, { at: new Date(reads++).toISOString() })),
    }, clock);
    const { version, report } = await live.current();
    assertEquals([version, report.nodes.length], [1, 2]);
    const events: LiveEvent[] = [];
    const looking = live.look(version, (event) => void events.push(event));
    await clock.tick();
    assertEquals(events, []);
    nodes = [nodeOf(0), nodeOf(1), nodeOf(2)];
    await clock.tick();
    const [event] = events as [LiveEvent & { type: "delta" }];
    assertEquals([event.type, event.version], ["delta", 2]);
    assertEquals(event.delta.changed.map(({ hash }) => hash), [nodes[1]!.hash, nodes[2]!.hash]);
    const late: LiveEvent[] = [];
    live.look(1, (each) => void late.push(each));
    assertEquals(late.map(({ type }) => type), ["report"]);
    looking[Symbol.dispose]();
    live.close();
    const before = reads;
    await clock.tick();
    assert(reads <= before + 1, "nobody looks, and it is read on");
  });

  it("says once that the store cannot be read, and keeps what it has", async () => {
    const clock = handClock();
    let read = (): Report => reportOf([nodeOf(0)]);
    const live = new LiveReport({ read: () => Promise.resolve().then(() => read()) }, clock);
    const { version } = await live.current();
    const events: LiveEvent[] = [];
    live.look(version, (event) => void events.push(event));
    read = () => {
      throw new Error("gone");
    };
    for (let i = 0; i < 3; i++) await clock.tick();
    assertEquals(events, [{ type: "trouble", text: "gone" }]);
    assertEquals((await live.current()).report.nodes.length, 1);
    read = () => reportOf([nodeOf(0)]);
    await clock.tick();
    assertEquals(events.at(-1), { type: "well" });
    live.close();
    await assertRejects(
      () => new LiveReport({ read: () => Promise.reject(new Error("never")) }, clock).current(),
      Error,
      "never",
    );
  });
});

describe("deltaOf()", () => {
  it("names what is gone, and is nothing where only the time differs", () => {
    const before = reportOf([nodeOf(0), nodeOf(1)]);
    assertEquals(deltaOf(before, { ...before, at: "later" }), undefined);
    assertEquals(deltaOf(before, reportOf([nodeOf(0)]))?.gone, [nodeOf(1).hash]);
    assertEquals(deltaOf(before, { ...before, notes: ["a"] })?.changed, []);
  });
});

describe("pageHandler()", () => {
  it("answers with a page, JSON or events, none of which may be kept, framed or loaded elsewhere", async () => {
    const stopping = new AbortController();
    const live = new LiveReport({ read: () => Promise.resolve(reportOf([nodeOf(0)])) }, handClock());
    const handler = pageHandler(live, { token: TOKEN, signal: stopping.signal });
    const page = await handler(ask());
    assertEquals(page.status, 200);
    assertMatch(await page.text(), /id="report" data-version="1" data-live="true"/);
    assertEquals(page.headers.get("cache-control"), "no-store");
    assertEquals(page.headers.get("referrer-policy"), "no-referrer");
    assertStringIncludes(page.headers.get("content-security-policy") ?? "", "frame-ancestors 'none'");
    const json = await handler(ask(`/report.json?token=${TOKEN}`));
    assertEquals((await json.json()).kind, "furu-report");
    const refused = await handler(ask("/report.json?token=x"));
    assertEquals(refused.status, 403);
    assertStringIncludes(await refused.text(), "token is missing or wrong");
    const events = await handler(ask(`/events?since=0&token=${TOKEN}`));
    stopping.abort();
    live.close();
    assertMatch(await events.text(), /^event: report\ndata: \{.*\}\n\nretry: 2000\n\nevent: bye\n/);
  });

  it("says why where the store was never readable", async () => {
    const live = new LiveReport({ read: () => Promise.reject(new Error("<b>gone</b>")) }, handClock());
    const answer = await pageHandler(live, { token: TOKEN, signal: new AbortController().signal })(ask());
    assertEquals(answer.status, 503);
    assertStringIncludes(await answer.text(), "&#60;b&#62;gone");
  });
});
