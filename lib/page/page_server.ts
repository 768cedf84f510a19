import { bytesToHex } from "@noble/hashes/utils.js";
import { timingSafeEqual } from "node:crypto";
import { errorText } from "../core/errors.ts";
import type { LiveReport } from "./live_report.ts";
import type { LiveEvent } from "./report_model.ts";
import { escapeHtml } from "../ui/cell_block.ts";
import { pageHtml, pagePolicy } from "./page_html.ts";

/** Names by which this machine is reached from itself, or through a tunnel. */
const LOOPBACK: readonly string[] = ["127.0.0.1", "localhost", "[::1]"];
/** So often, in milliseconds, something is sent where nothing happens: so dead connections are noticed. */
const ALIVE_MS = 15_000;

/** Why a request is refused. */
export interface RequestRefusal {
  /** The status of the answer. */
  readonly status: 403 | 404 | 405;
  /** Says why. */
  readonly text: string;
}

/**
 * Whether a request is refused: all but reading, any other name of this host (a page elsewhere may have its
 * own name point here: DNS rebinding), what other pages ask for, and whoever does not know the token.
 *
 * @returns Nothing where it is allowed.
 */
export function refusalOf(request: Request, token: string): RequestRefusal | undefined {
  const { method, headers } = request;
  if (method !== "GET" && method !== "HEAD") {
    return { status: 405, text: "only GET is allowed: nothing can be changed" };
  }
  const host = headers.get("host") ?? "";
  if (!LOOPBACK.includes(host.replace(/:\d+$/, ""))) {
    return { status: 403, text: "this host has another name: open it as 127.0.0.1 or localhost" };
  }
  const origin = headers.get("origin");
  if (origin !== null && origin !== `http://${host}`) return { status: 403, text: "other pages may not ask" };
  const site = headers.get("sec-fetch-site");
  const isOwn = site === null || site === "none" || site === "same-origin";
  const url = new URL(request.url);
  // A link elsewhere may lead here, as it has to know the token; nothing else of another page may.
  const isLink = headers.get("sec-fetch-mode") === "navigate" && headers.get("sec-fetch-dest") === "document";
  if (!isOwn && !isLink) return { status: 403, text: "other pages may not ask" };
  if (!isSameText(url.searchParams.get("token") ?? "", token)) {
    return { status: 403, text: "the token is missing or wrong: open the address that furu serve prints" };
  }
  const isKnown = url.pathname === "/" || url.pathname === "/events" || url.pathname === "/report.json";
  return isKnown ? undefined : { status: 404, text: "there is no such page" };
}

/** Compares two texts in a time that tells nothing of where they differ. */
function isSameText(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => new TextEncoder().encode(text)) as [Uint8Array, Uint8Array];
  // Of a wrong length there is no secret.
  return a.length === b.length && timingSafeEqual(a, b);
}

/** A secret that nobody can guess. */
export function newToken(): string {
  return bytesToHex(crypto.getRandomValues(new Uint8Array(24)));
}

/** Answers the requests of a page. */
export function pageHandler(
  live: LiveReport,
  { token, signal }: { token: string; signal: AbortSignal },
): (request: Request) => Promise<Response> {
  return async (request) => {
    const refusal = refusalOf(request, token);
    if (refusal) return await answer(`${refusal.text}\n`, { status: refusal.status });
    const { pathname, searchParams } = new URL(request.url);
    try {
      if (pathname === "/events") {
        return await answer(eventsOf(live, Number(searchParams.get("since")), signal), {
          type: "text/event-stream",
        });
      }
      const { version, report } = await live.current();
      if (pathname === "/report.json") {
        return await answer(JSON.stringify(report), { type: "application/json; charset=utf-8" });
      }
      const html = (await pageHtml(report, { live: true })).replace(
        'id="report"',
        `id="report" data-version="${version}"`,
      );
      return await answer(html, { type: "text/html; charset=utf-8" });
    } catch (error) {
      const text = `<!doctype html><title>furu</title><p>${escapeHtml(errorText(error))}</p>\n`;
      return await answer(text, { status: 503, type: "text/html; charset=utf-8" });
    }
  };
}

async function answer(
  body: string | ReadableStream<Uint8Array>,
  { status = 200, type = "text/plain; charset=utf-8" }: { status?: number; type?: string },
): Promise<Response> {
  return new Response(body, {
    status,
    headers: {
      "content-type": type,
      "content-security-policy": `${await pagePolicy({ live: true })}; frame-ancestors 'none'`,
      "cache-control": "no-store",
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
    },
  });
}

/** What changes, as server-sent events, until the reader leaves or the server ends. */
function eventsOf(live: LiveReport, since: number, signal: AbortSignal): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let end = (): void => {};
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const send = (text: string): void => {
        try {
          controller.enqueue(encoder.encode(text));
        } catch {
          end(); // the reader has left
        }
      };
      const looking = live.look(since, (event: LiveEvent) => {
        send(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
      });
      const timer = setInterval(() => send(": still here\n\n"), ALIVE_MS);
      const bye = (): void => {
        send("event: bye\ndata: {}\n\n");
        end();
        controller.close();
      };
      end = () => {
        clearInterval(timer);
        looking[Symbol.dispose]();
        signal.removeEventListener("abort", bye);
      };
      signal.addEventListener("abort", bye, { once: true });
      send("retry: 2000\n\n");
    },
    cancel: () => end(),
  });
}
