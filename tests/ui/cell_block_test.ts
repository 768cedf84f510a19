import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ansiHtml, bundle, cellBlock } from "../../lib/ui/cell_block.ts";

/** What was sent: the kind of message, the display, the text. */
type Sent = [type: string, display: string, text: string];

/** A kernel of which each message is on its way until it is let go. */
class SlowKernel {
  readonly sent: Sent[] = [];
  #waiting: PromiseWithResolvers<void> | undefined;

  readonly broadcast = async (type: string, content: Record<string, unknown>): Promise<void> => {
    const { data, transient } = content as {
      data: Record<string, string>;
      transient: { display_id: string };
    };
    this.sent.push([type, transient.display_id, data["text/plain"]!]);
    await (this.#waiting = Promise.withResolvers<void>()).promise;
  };

  /** Lets the message go that is on its way, and whoever waits for that go on. */
  async go(error?: Error): Promise<void> {
    if (error) this.#waiting?.reject(error);
    else this.#waiting?.resolve();
    await new Promise((resolve) => setTimeout(resolve));
  }
}

describe("cellBlock()", () => {
  it("makes one display, and updates it with the newest state only", async () => {
    const kernel = new SlowKernel();
    const block = cellBlock(kernel);
    for (const line of ["1", "2", "3"]) block.draw([line, "x"]);
    await kernel.go();
    await kernel.go();
    block.draw(["3", "x"]);
    await kernel.go();
    assertEquals(kernel.sent.map(([type, , text]) => [type, text]), [
      ["display_data", "1\nx"],
      ["update_display_data", "3\nx"],
    ]);
    assertEquals(new Set(kernel.sent.map(([, display]) => display)).size, 1);
  });

  it("ends empty, and shows nothing where nothing was drawn", async () => {
    const kernel = new SlowKernel();
    const block = cellBlock(kernel);
    block.clear();
    assertEquals(kernel.sent, []);
    block.draw(["1"]);
    await kernel.go();
    block.clear();
    assertEquals(kernel.sent.map(([, , text]) => text), ["1", ""]);
    await kernel.go();
  });

  it("goes on without a word when nobody looks any more", async () => {
    const kernel = new SlowKernel();
    const block = cellBlock(kernel);
    block.draw(["1"]);
    block.draw(["2"]);
    await kernel.go(new Error("closed"));
    assertEquals(kernel.sent.length, 1);
  });
});

describe("ansiHtml()", () => {
  it("paints as style does, whatever the text has in it", () => {
    const text = '\x1b[31m<b>&\x1b[39m \x1b[2m"x"\x1b[22m';
    assertEquals(
      ansiHtml(text).replace(/^<pre[^>]*>/, ""),
      '<span style="color:#d1242f">&#60;b&#62;&#38;</span> <span style="opacity:0.6">&#34;x&#34;</span></pre>',
    );
    assertEquals(bundle(text)["text/plain"], '<b>& "x"');
  });
});
