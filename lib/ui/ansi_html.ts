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
