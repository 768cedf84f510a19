import { assert, assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { type ByteStream, LineChannel, LineDecoder } from "../../lib/worker/protocol/line_channel.ts";
import { markBytes, MarkSplitter } from "../../lib/worker/protocol/mark.ts";
import { type ArtifactSource, KnownArtifacts } from "../../lib/worker/protocol/payload.ts";
import { Tail } from "../../lib/run/output/tail.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

describe("LineDecoder", () => {
  it("finds lines however the stream is cut", () => {
    const text = 'one\n{"two":"zwö"}\n\nthree\n' + "x".repeat(100_000) + "\n";
    const expected = text.split("\n").slice(0, -1);
    for (const size of [1, 2, 7, 4096, 1_000_000]) {
      const decoder = new LineDecoder();
      const whole = bytes(text);
      const lines: string[] = [];
      for (let at = 0; at < whole.length; at += size) lines.push(...decoder.push(whole.slice(at, at + size)));
      assertEquals(lines, expected);
    }
  });

  it("does not keep the caller's buffer", () => {
    const decoder = new LineDecoder();
    const buffer = bytes("ab");
    decoder.push(buffer);
    buffer.fill(0);
    assertEquals(decoder.push(bytes("\n")), ["ab"]);
  });
});

/** A stream that takes three bytes at a time. */
class SlowStream implements ByteStream {
  written = "";
  closed = Promise.withResolvers<null>();
  read = () => this.closed.promise;
  write(chunk: Uint8Array): Promise<number> {
    this.written += new TextDecoder().decode(chunk.subarray(0, 3));
    return Promise.resolve(Math.min(3, chunk.length));
  }
  close(): void {
    this.closed.resolve(null);
  }
}

describe("LineChannel", () => {
  it("send() never mixes messages that are sent at once", async () => {
    const stream = new SlowStream();
    using channel = new LineChannel(stream, () => {});
    await Promise.all([1, 2, 3].map((n) => channel.send({ message: n })));
    assertEquals(stream.written, '{"message":1}\n{"message":2}\n{"message":3}\n');
  });
});

function split(chunks: string[], known: string[]): string[] {
  const splitter = new MarkSplitter((id) => known.includes(id));
  const parts = [...chunks.flatMap((chunk) => splitter.push(bytes(chunk))), ...splitter.flush()];
  return parts.map((part) => "mark" in part ? `<${part.mark}>` : new TextDecoder().decode(part.bytes));
}

describe("MarkSplitter", () => {
  it("finds a mark wherever reads cut it, and only those given out", () => {
    const id = crypto.randomUUID();
    const stranger = new TextDecoder().decode(markBytes(crypto.randomUUID()));
    const text = `before\0${stranger}${new TextDecoder().decode(markBytes(id))}after`;
    for (let cut = 0; cut <= text.length; cut++) {
      const joined = split([text.slice(0, cut), text.slice(cut)], [id]).join("");
      assertEquals(joined, `before\0${stranger}<${id}>after`);
    }
    assertEquals(split([...text], [id]).join(""), `before\0${stranger}<${id}>after`);
  });

  it("holds nothing back for good", () => {
    assertEquals(split(["text\0furu-en"], []).join(""), "text\0furu-en");
  });
});

describe("Tail", () => {
  it("keeps the last 20 lines and 4 KiB, without a line that was cut", () => {
    const tail = new Tail();
    for (let i = 0; i < 100_000; i++) tail.push(bytes(`line ${i}\n`));
    assertEquals(tail.lines(), Array.from({ length: 20 }, (_, i) => `line ${99_980 + i}`));
    const long = new Tail();
    long.push(bytes("y".repeat(3000) + "\nlast"));
    long.push(bytes("z".repeat(3000)));
    assertEquals(long.lines(), ["last" + "z".repeat(3000)]);
    assertEquals(new Tail().lines(), []);
  });

  it("leaves out the addresses of a crash, above which stands what it is about", () => {
    const tail = new Tail();
    const frames = Array.from({ length: 22 }, (_, i) => `    /bin/deno(+0x2b8136${i}) [0x556c9975b368]`);
    const libc = "    /lib/libc.so.6(__libc_start_main+0x85) [0x7f60151b8305]";
    const text = [
      "# Fatal process out of memory: Oilpan",
      ...frames,
      libc,
      "Stack backtrace:",
      "   0: <unknown>",
    ];
    tail.push(new TextEncoder().encode(text.join("\n")));
    assertEquals(tail.lines(), ["# Fatal process out of memory: Oilpan"]);
  });
});

/** The hashes of what is sent, in one message. */
function sent(known: KnownArtifacts, root: string, source: (hash: string) => ArtifactSource): string[] {
  const [payload, ...more] = known.missing(root, source);
  assertEquals(more, []);
  return [...payload?.forget ? ["forget"] : [], ...Object.keys(payload!.artifacts).sort()];
}

describe("KnownArtifacts", () => {
  it("sends what is below an artifact once, and forgets when it is too much", () => {
    const graph: Record<string, string[]> = { a: [], b: ["a"], c: ["a", "b"], d: ["c"] };
    const source = (hash: string) => ({ name: hash, params: "x".repeat(10), dependencies: graph[hash]! });
    const known = new KnownArtifacts();
    assertEquals(sent(known, "c", source), ["a", "b", "c"]);
    assertEquals(sent(known, "d", source), ["d"]);
    assertEquals(sent(known, "d", source), []);
    const forgetful = new KnownArtifacts(20);
    assertEquals(sent(forgetful, "c", source), ["a", "b", "c"]);
    assertEquals(sent(forgetful, "b", source), ["forget", "a", "b"]);
  });

  it("cuts what is too much for one message, also the parameters of one artifact", () => {
    const sizes: Record<string, number> = { root: 3, small: 4, huge: 35, last: 9 };
    const below: Record<string, string[]> = { root: ["last", "huge", "small"] };
    const source = (hash: string) => ({
      name: "t",
      params: hash[0]!.repeat(sizes[hash]!),
      dependencies: below[hash] ?? [],
    });
    const known = new KnownArtifacts(1000, 20);
    const pieces = [...known.missing("root", source)];
    const text: Record<string, string> = {};
    for (const { artifacts, parts = [] } of pieces) {
      let chars = 0;
      for (
        const [hash, { params }] of [
          ...parts.map((part) => [part.hash, part] as const),
          ...Object.entries(artifacts),
        ]
      ) {
        text[hash] = (text[hash] ?? "") + params;
        chars += params.length;
      }
      assert(chars <= 20, `${chars} characters in one message`);
    }
    assertEquals(text, Object.fromEntries(Object.keys(sizes).map((hash) => [hash, source(hash).params])));
    assertEquals(sent(known, "root", source), []);
  });

  it("takes 150,000 artifacts below one, and chains of 100,000", () => {
    const names = Array.from({ length: 150_000 }, (_, i) => `w${i}`);
    const wide = (hash: string) => ({ name: "t", params: "{}", dependencies: hash === "root" ? names : [] });
    assertEquals(sent(new KnownArtifacts(), "root", wide).length, 150_001);
    const deep = (hash: string) => ({
      name: "t",
      params: "{}",
      dependencies: hash === "1" ? [] : [`${+hash - 1}`],
    });
    assertEquals(sent(new KnownArtifacts(), "100000", deep).length, 100_000);
  });
});
