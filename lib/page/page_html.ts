import { fromBase64, toBase64 } from "../core/json/base64.ts";
import { escapeHtml } from "../ui/cell_block.ts";
import { PAGE_SCRIPT, PAGE_STYLE } from "./page_bundle.ts";
import type { Report } from "./report_model.ts";

/** What tells a page of furu's from any other file: it stands among its first bytes. */
export const PAGE_MARK = '<meta name="generator" content="furu report">';

/** Options of {@link pageHtml}. */
export interface PageOptions {
  /**
   * Whether it shows what comes, too, as `furu serve` tells it.
   *
   * @default {false}
   */
  readonly live?: boolean;
}

/** The parts of a page that do not change. */
interface PageParts {
  readonly script: string;
  readonly style: string;
  /** What a browser may do for it. */
  readonly policy: string;
}

let parts: Promise<PageParts> | undefined;

/**
 * A report as one page of HTML that needs nothing else, and may load nothing: its policy names script and
 * style by their digests, so that nothing in names, parameters or logs can become code.
 */
export async function pageHtml(report: Report, { live = false }: PageOptions = {}): Promise<string> {
  const { script, style } = await (parts ??= readParts());
  const policy = await pagePolicy({ live });
  return [
    "<!doctype html>",
    '<html lang="en">',
    "<head>",
    '<meta charset="utf-8">',
    PAGE_MARK,
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    '<meta name="referrer" content="no-referrer">',
    `<title>${escapeHtml(report.title)} – furu</title>`,
    // The library of the graph makes this element where there is none, which the policy forbids.
    `<style id="__________cytoscape_stylesheet">${style}</style>`,
    "</head>",
    "<body>",
    `<script type="application/json" id="report" data-live="${live}">${embeddedJson(report)}</script>`,
    "<noscript>This page needs JavaScript, which is in it: nothing is loaded.</noscript>",
    `<script>${script}</script>`,
    "</body>",
    "</html>",
    "",
  ].join("\n");
}

/** The policy of a page, for its own head and for the header that it is served with. */
export async function pagePolicy({ live = false }: PageOptions = {}): Promise<string> {
  const { policy } = await (parts ??= readParts());
  return live ? `${policy}; connect-src 'self'` : policy;
}

/**
 * JSON that can stand in a script element: no text in it ends the element or begins a comment, and line ends
 * of Unicode are no line ends.
 */
export function embeddedJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

async function readParts(): Promise<PageParts> {
  const [script, style] = await Promise.all([unpack(PAGE_SCRIPT), unpack(PAGE_STYLE)]);
  const policy = [
    "default-src 'none'",
    `script-src '${await digestOf(script)}'`,
    `style-src '${await digestOf(style)}'`,
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  return { script, style, policy };
}

/** @param packed Base64 of what gzip made of it. */
async function unpack(packed: string): Promise<string> {
  const bytes = fromBase64(packed);
  return await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

async function digestOf(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return `sha256-${toBase64(new Uint8Array(digest))}`;
}
