import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { ConfigError } from "../../../lib/core/errors.ts";
import { askFacts } from "../../../lib/doctor/machine/ask_facts.ts";

const NEVER = new AbortController().signal;

/** Has a shell script tell facts. */
function ask(script: string, options: { deadlineMs?: number; signal?: AbortSignal } = {}) {
  const order = { name: ".furu-doctor-test", entry: import.meta.url };
  return askFacts({
    order,
    command: ["/bin/sh", "-c", script],
    deadlineMs: 20_000,
    signal: NEVER,
    ...options,
  });
}

const SETTINGS = `echo '{"fact":"settings","outcome":{"ok":true,"value":{"root":"/x"}}}'`;

describe("askFacts", () => {
  it("leaves a process that hangs alone, says at what, and removes what it had made", async () => {
    const folder = Deno.makeTempDirSync({ prefix: "furu-hung-" });
    const facts = await ask(
      `${SETTINGS}; echo '{"begin":"store.write","folder":"${folder}"}'
       echo '{"fact":"store.write","outcome":{"ok":true,"value":{}}}'; echo '{"begin":"store.sync"}'; exec sleep 600`,
      { deadlineMs: 500 },
    );
    assertEquals(facts.settings?.root, "/x");
    assertEquals(facts.hung, { fact: "store.sync", sec: 0.5 });
    assertEquals(facts.store.sync, { ok: false, error: "no answer", hungSec: 0.5 });
    assertEquals(facts.left, undefined);
    assertEquals(await Deno.stat(folder).catch(() => "gone"), "gone");
  });

  it("says that finding the store hangs", async () => {
    const facts = await ask(`echo '{"begin":"settings"}'; exec sleep 600`, { deadlineMs: 500 });
    assertEquals([facts.settings, facts.hung?.fact], [undefined, "settings"]);
  });

  it("stops when it is told to, and removes what was made", async () => {
    const folder = Deno.makeTempDirSync({ prefix: "furu-stopped-" });
    const stop = new AbortController();
    const ready = join(folder, "ready");
    const asked = ask(`echo '{"begin":"store.write","folder":"${folder}"}'; : >${ready}; exec sleep 600`, {
      signal: stop.signal,
    });
    asked.catch(() => {/* awaited below */});
    const ends = performance.now() + 20_000;
    while (!(await Deno.stat(ready).catch(() => undefined)) && performance.now() < ends) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    stop.abort(new Error("enough"));
    await assertRejects(() => asked, Error, "enough");
    assertEquals(await Deno.stat(folder).catch(() => "gone"), "gone");
  });

  it("passes on what is wrong with the configuration, and that the process died", async () => {
    await assertRejects(
      () =>
        ask(`echo '{"fact":"settings","outcome":{"ok":false,"error":"Cannot use x"},"configError":true}'`),
      ConfigError,
      "Cannot use x",
    );
    const error = await assertRejects(() => ask("exit 3"), Error);
    assert(error instanceof Error);
    assertStringIncludes(error.message, "ended early");
  });
});
