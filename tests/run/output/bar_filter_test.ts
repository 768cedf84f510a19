import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { BarFilter } from "../../../lib/run/output/bar_filter.ts";
import { Tail } from "../../../lib/run/output/tail.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** What a log keeps of chunks that come a second after one another. */
function logged(chunks: string[], everyMs?: number): string {
  let now = 0;
  const filter = new BarFilter({ now: () => now, ...(everyMs === undefined ? {} : { everyMs }) });
  let text = "";
  for (const chunk of chunks) {
    text += decoder.decode(filter.push(encoder.encode(chunk)));
    now += 1000;
  }
  return text + decoder.decode(filter.flush());
}

const CASES: [name: string, output: string, kept: string][] = [
  ["lines", "a\nb\n", "a\nb\n"],
  ["a line without an end", "a\nb", "a\nb"],
  ["nothing", "", ""],
  ["lines of Windows", "a\r\nb\r\r\n\r\n", "a\nb\n\n"],
  ["colours", "\x1b[31mred\x1b[0m\n\x1b]x", "\x1b[31mred\x1b[0m\n\x1b]x"],
  ["a bar of tqdm", "\r  0%|   | 0/3\r 33%|█  | 1/3\r100%|███| 3/3\ndone\n", "100%|███| 3/3\ndone\n"],
  ["a bar that begins without a return", "0%\r50%\r100%\n", "0%\n100%\n"],
  ["a bar that nothing ends", "start\n\r10%\r20%", "start\n20%\n"],
  ["a bar that ends with a return", "\r10%\r20%\r", "20%\n"],
  ["a bar that is wiped out in the end", "\r10%\r20%\r    \r\x1b[2Kready\n", "ready\n"],
  ["a bar that is wiped out and nothing follows", "\r10%\r20%\r     \r\n", "20%\n"],
  ["lines after a bar, and another bar", "\r1%\r2%\nx\n\r3%\r4%\n", "2%\nx\n4%\n"],
  ["a bar in colours", "\r\x1b[32m1%\x1b[0m\r\x1b[32m2%\x1b[0m\n", "\x1b[32m2%\x1b[0m\n"],
  ["a spinner", "\x1b[2K\x1b[1G⠋ wait\x1b[2K\x1b[1G⠙ wait\x1b[2K\x1b[1G✔ ready\n", "✔ ready\n"],
  [
    "bars below each other, as tqdm draws them",
    "\router 0%\n\rinner 0%\x1b[A\n\rinner 9%\x1b[A\router 50%\n\rinner 3%\x1b[A\router 100%\nend\n",
    "outer 0%\nouter 100%\nend\n",
  ],
];

describe("a log with progress bars", () => {
  for (const [name, output, kept] of CASES) {
    it(`a log of ${name} keeps what a terminal would show in the end, however it is cut`, () => {
      assertEquals(logged([output]), kept);
      assertEquals(logged([...output]), kept, "by characters");
      for (let at = 1; at < output.length; at++) {
        assertEquals(logged([output.slice(0, at), output.slice(at)]), kept, `cut at ${at}`);
      }
    });
  }

  it("a bar that goes on leaves a state now and then, so that a log shows how far a killed task was", () => {
    const states = Array.from({ length: 13 }, (_, i) => `\r${i}%`);
    assertEquals(logged([...states, "\n"], 5000), "0%\n5%\n10%\n12%\n");
    let now = 0;
    const filter = new BarFilter({ everyMs: 5000, now: () => now });
    const written = states.map((state) => (now += 1000, decoder.decode(filter.push(encoder.encode(state)))));
    assertEquals(written.join(""), "0%\n5%\n10%", "before anything ends it");
  });

  it("a line that is begun anew and stays is seen at once, also when it comes in parts", () => {
    let now = 0;
    const filter = new BarFilter({ everyMs: 5000, now: () => now });
    const push = (text: string) => decoder.decode(filter.push(encoder.encode(text)));
    assertEquals([push("ready\n\rconn"), push("ecting"), push("\rconnected"), push("\rgone")], [
      "ready\nconn",
      "ecting",
      "",
      "",
    ]);
    now = 6000;
    assertEquals([push(" for good"), push("!"), push("\n"), push("x\n")], [
      "\ngone for good",
      "!",
      "\n",
      "x\n",
    ]);
  });

  it("what is printed without a line end is written at once", () => {
    const filter = new BarFilter();
    assertEquals(decoder.decode(filter.push(encoder.encode("loading ..."))), "loading ...");
  });

  it("a line that is begun anew and has no end fills no memory, and is no bar", () => {
    const filter = new BarFilter();
    let bytes = filter.push(encoder.encode("\r")).length;
    const chunk = encoder.encode("x".repeat(50_000));
    for (let i = 0; i < 20; i++) bytes += filter.push(chunk).length;
    assertEquals({ bytes, heldCount: filter.held().length }, { bytes: 1_000_000, heldCount: 0 });
  });

  it("a tail has the lines before a bar, and the bar's last state", () => {
    const tail = new Tail();
    tail.push(encoder.encode("\x1b[1mloading\x1b[0m data\n"));
    for (let i = 0; i < 5000; i++) tail.push(encoder.encode(`\r${i}%|${"█".repeat(60)}`));
    assertEquals(tail.lines(), ["loading data", `4999%|${"█".repeat(60)}`]);
    tail.push(encoder.encode("\nboom\n"));
    assertEquals(tail.lines(), ["loading data", `4999%|${"█".repeat(60)}`, "boom"]);
  });
});
