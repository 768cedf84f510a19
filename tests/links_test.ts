// What is true of the stand-ins in links/ has to be true of the real packages too: these tests pass with both.
import { assert, assertEquals, assertFalse, assertRejects } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { delay } from "@std/async/delay";
import { pooledMap } from "@std/async/pool";
import { retry, RetryError } from "@std/async/retry";
import { concat } from "@std/bytes/concat";
import { lastIndexOfNeedle } from "@std/bytes/last-index-of-needle";
import { parseArgs } from "@std/cli/parse-args";
import { unicodeWidth } from "@std/cli/unicode-width";
import { format as formatBytes } from "@std/fmt/bytes";
import { format as formatDuration } from "@std/fmt/duration";
import { ensureDir } from "@std/fs/ensure-dir";
import { exists } from "@std/fs/exists";
import { walk } from "@std/fs/walk";
import { join } from "@std/path/join";
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from "@std/testing/bdd";
import { FakeTime } from "@std/testing/time";
import { assertType, type IsExact } from "@std/testing/types";

const order: string[] = [];

describe("describe() and it()", () => {
  beforeAll(() => void order.push("first"));
  beforeEach(() => void order.push("before"));
  afterEach(() => void order.push("after"));
  afterAll(() => void order.push("last"));

  it("runs a test", () => void order.push("a"));

  describe("nested", () => {
    beforeEach(async () => {
      await Promise.resolve();
      order.push("inner before");
    });
    afterEach(() => void order.push("inner after"));
    it("runs a test", () => void order.push("b"));
    it.skip("is left out", () => void order.push("c"));
  });
});

describe("links", () => {
  it("hooks run around each test from the outside in, and back", () => {
    const a = ["before", "a", "after"];
    const b = ["before", "inner before", "b", "inner after", "after"];
    assertEquals(order, ["first", ...a, ...b, "last"]);
  });

  describe("FakeTime", () => {
    it("moves timers, intervals and Date only when told to", async () => {
      const seen: string[] = [];
      {
        using time = new FakeTime(1000);
        setTimeout(() => seen.push(`timeout ${Date.now()}`), 100);
        const interval = setInterval(() => seen.push(`interval ${new Date().getTime()}`), 40);
        const delayed = delay(50).then(() => seen.push("delayed"));
        time.tick(99);
        await delayed;
        time.tick(1);
        clearInterval(interval);
        assertFalse(time.next());
        assertEquals(time.now, 1100);
      }
      assertEquals(seen, ["interval 1040", "interval 1080", "delayed", "timeout 1100"]);
      assert(Date.now() > 1100);
    });
  });

  describe("@std/async", () => {
    it("deadline() rejects with a TimeoutError", async () => {
      const error = await assertRejects(() => deadline(new Promise(() => {}), 1), DOMException);
      assertEquals(error.name, "TimeoutError");
    });

    it("delay() rejects with the reason of its signal", async () => {
      const reason = new Error("enough");
      assertEquals(await assertRejects(() => delay(1e6, { signal: AbortSignal.abort(reason) })), reason);
    });

    it("retry() gives up after so many attempts, with the last error as the cause", async () => {
      let attempts = 0;
      const fail = (): never => {
        throw new Error(`attempt ${++attempts}`);
      };
      const error = await assertRejects(() => retry(fail, { maxAttempts: 3, minTimeout: 0 }), RetryError);
      assertEquals((error.cause as Error).message, "attempt 3");
    });

    it("pooledMap() keeps the order and never runs more than the limit", async () => {
      let running = 0;
      let most = 0;
      const results = pooledMap(2, [3, 1, 2], async (ms) => {
        most = Math.max(most, ++running);
        await delay(ms);
        running--;
        return ms;
      });
      assertEquals(await Array.fromAsync(results), [3, 1, 2]);
      assertEquals(most, 2);
    });
  });

  it("@std/bytes joins bytes and finds the last of a part", () => {
    const bytes = concat([Uint8Array.of(1, 2), new Uint8Array(0), Uint8Array.of(1, 2, 3)]);
    assertEquals(bytes, Uint8Array.of(1, 2, 1, 2, 3));
    assertEquals(lastIndexOfNeedle(bytes, Uint8Array.of(1, 2)), 2);
    assertEquals(lastIndexOfNeedle(bytes, Uint8Array.of(2, 2)), -1);
  });

  describe("@std/cli", () => {
    it("parseArgs() gives strings, booleans and collected values their types", () => {
      const args = parseArgs(["--x=1", "--k", "a", "--k=b", "-v", "run", "--z"], {
        string: ["x", "k"],
        collect: ["k"],
        boolean: ["verbose", "quiet"],
        alias: { verbose: "v" },
        stopEarly: true,
      });
      assertType<IsExact<typeof args.k, string[]>>(true);
      assertType<IsExact<typeof args.verbose, boolean>>(true);
      assertEquals({ x: args.x, k: args.k, verbose: args.verbose, quiet: args.quiet }, {
        x: "1",
        k: ["a", "b"],
        verbose: true,
        quiet: false,
      });
      assertEquals(args._, ["run", "--z"]);
    });

    it("unicodeWidth() counts columns", () => {
      const widths = {
        "hello world": 11,
        "天地玄黃": 8,
        "ｆｕｌｌ": 8,
        "🦕": 2,
        "e\u0301": 1,
        "한국": 4,
        "\x1b": 0,
        "…": 1,
      };
      for (const [text, width] of Object.entries(widths)) assertEquals(unicodeWidth(text), width, text);
    });
  });

  it("@std/fmt formats bytes and durations", () => {
    assertEquals(formatBytes(1337), "1.34 kB");
    assertEquals(formatDuration(99674, { ignoreZero: true }), "1m 39s 674ms");
  });
});

describe("@std/fs", () => {
  let root: string;
  beforeEach(async () => {
    root = await Deno.makeTempDir();
    await ensureDir(join(root, "a", "b"));
    await Deno.writeTextFile(join(root, "a", "b", "x.txt"), "");
  });
  afterEach(() => Deno.remove(root, { recursive: true }));

  it("ensureDir() accepts a folder that exists and refuses a file", async () => {
    await ensureDir(join(root, "a"));
    await assertRejects(() => ensureDir(join(root, "a", "b", "x.txt")), Error, "expected 'dir'");
  });

  it("walk() lists the root and all below it, and filters", async () => {
    const paths = async (options = {}) =>
      (await Array.fromAsync(walk(root, options))).map(({ path }) => path);
    const file = join(root, "a", "b", "x.txt");
    assertEquals(await paths(), [root, join(root, "a"), join(root, "a", "b"), file]);
    assertEquals(await paths({ exts: ["txt"], includeDirs: false }), [file]);
    assertEquals(await paths({ maxDepth: 1 }), [root, join(root, "a")]);
    // The whole path is matched, and the temporary folder's own random name may end in any letter.
    assertEquals(await paths({ skip: [/[/]b$/] }), [root, join(root, "a")]);
  });

  it("exists() tells files from folders", async () => {
    assert(await exists(join(root, "a"), { isDirectory: true }));
    assertFalse(await exists(join(root, "a"), { isFile: true }));
    assertFalse(await exists(join(root, "nothing")));
  });
});
