import type { MimeBundle } from "../core/system/session.ts";
import type { TerminalBlock } from "./terminal.ts";
import { plainLines } from "./text.ts";

/** What of `Deno.jupyter` is used here. */
export interface Jupyter {
  /** Sends a message to whoever shows the notebook. */
  broadcast(type: string, content: Record<string, unknown>): Promise<void>;
}

/** The kernel that this process is; nothing elsewhere, where to ask is an error. */
export function jupyter(): Jupyter | undefined {
  try {
    return (Deno as { jupyter?: Jupyter }).jupyter;
  } catch {
    return undefined;
  }
}

/**
 * Writes to the output of the cell that runs. Stdout and stderr of a kernel are no part of it; `console` is,
 * by whole lines.
 */
export function writeToCell(output: string | Uint8Array): void {
  const text = typeof output === "string" ? output : new TextDecoder().decode(output);
  if (text !== "") console.log(text.endsWith("\n") ? text.slice(0, -1) : text);
}

/** A block of lines as one display of a cell, updated in place. */
export function cellBlock({ broadcast }: Jupyter): TerminalBlock {
  const id = `furu-${crypto.randomUUID()}`;
  let shown: string | undefined;
  let next: string | undefined;
  let sending = false;

  /** One message at a time, so that the last state stays; those in between may be left out. */
  async function send(): Promise<void> {
    if (sending) return;
    sending = true;
    try {
      while (next !== undefined) {
        const type = shown === undefined ? "display_data" : "update_display_data";
        shown = next;
        next = undefined;
        await broadcast(type, { data: bundle(shown), metadata: {}, transient: { display_id: id } });
      }
    } catch {
      // Nobody looks any more: the run matters more than its display.
      next = undefined;
    } finally {
      sending = false;
    }
  }

  function show(text: string): void {
    if (text === (next ?? shown ?? "")) return;
    next = text;
    void send();
  }

  return {
    draw: (lines) => show(lines.join("\n")),
    print: (text) => writeToCell(`${text}\n`),
    clear: () => show(""),
  };
}

/** Coloured text for whoever shows HTML, and for who does not. */
export function bundle(text: string): MimeBundle {
  return {
    "text/plain": plainLines(text).join("\n"),
    "text/html": text === "" ? "" : ansiHtml(text),
  };
}

/** What `style` paints with, as HTML: colours that can be read on light and on dark ground. */
const STYLES: Readonly<Record<string, string>> = {
  1: "font-weight:bold",
  2: "opacity:0.6",
  31: "color:#d1242f",
  32: "color:#1a9a45",
  33: "color:#b58900",
  36: "color:#0b8a9e",
};

/** Text inside of HTML. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Text with the colours of `style` as preformatted HTML. */
export function ansiHtml(text: string): string {
  // Escaping first would turn nothing that is between two of these codes into one.
  // deno-lint-ignore no-control-regex -- colours begin with it
  const body = escapeHtml(text).replace(/\x1b\[(\d+)m/g, (_code, number: string) => {
    const style = STYLES[number];
    // Each of the others is the end of one.
    return style === undefined ? "</span>" : `<span style="${style}">`;
  });
  return `<pre style="line-height:1.3;margin:0;white-space:pre;overflow-x:auto">${body}</pre>`;
}
