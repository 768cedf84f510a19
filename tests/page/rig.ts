import { chromium } from "playwright-core";
import type { Browser, Page } from "playwright-core";
import type { Report, ReportNode } from "../../lib/page/report_model.ts";

/** What a page must show as it is, and must never do. */
export const NASTY =
  "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">" +
  "\u2028\u2029<!--<script>";

/** A report of these nodes. */
export function reportOf(nodes: readonly ReportNode[], more: Partial<Report> = {}): Report {
  return {
    schema: 1,
    kind: "furu-report",
    title: "Run test",
    at: "2026-11-29T12:00:00.000Z",
    furu: "0.1.0",
    store: "/nowhere/store",
    roots: [],
    origins: [{ furu: "0.1.0", deno: "2.9.6", host: "node01", commit: "abc123", dirty: true }],
    notes: [],
    nodes,
    ...more,
  };
}

/** A hash by its number. */
export function hashOf(n: number): string {
  return n.toString(16).padStart(8, "0").padEnd(32, "0");
}

/** A node that is done, unless it says otherwise. */
export function nodeOf(n: number, node: Partial<ReportNode> = {}): ReportNode {
  return { name: "toy/Train", hash: hashOf(n), status: "DONE", needs: [], attempts: [], ...node };
}

/**
 * A sweep of `count` trainings, each with its data and its evaluation: `3 * count` nodes. Training 1 fails.
 */
export function sweepOf(count: number): ReportNode[] {
  return Array.from({ length: count }, (_, i) => {
    const from = Date.parse("2026-11-29T11:00:00Z") + i * 1000;
    const took = {
      durationMs: 500 + i % 7 * 100,
      at: new Date(from + 500).toISOString(),
      peakMemoryBytes: 7e7 + i,
    };
    const attempt = { n: 1, worker: `node${i % 8} w`, from, to: from + 500, run: "r" };
    const isBad = i === 1;
    const params = { lr: (i % 10 + 1) / 100, seed: i, ...(i === 0 ? { tag: NASTY } : {}) };
    return [
      nodeOf(3 * i, { name: "toy/Data", params: { rows: i }, ...took, origin: 0 }),
      nodeOf(3 * i + 1, {
        params,
        needs: [hashOf(3 * i)],
        status: isBad ? "FAILED" : "DONE",
        attempts: [{ ...attempt, outcome: isBad ? "failed" : "success" }],
        ...took,
        ...(isBad
          ? { error: `loss is NaN ${NASTY}`, logEnd: ["epoch 3", NASTY] }
          : { value: { "value.score": 1 - i / 1000 }, origin: 0 }),
      }),
      nodeOf(3 * i + 2, {
        name: "toy/Eval",
        params: { train: `toy/Train(${i})` },
        needs: [hashOf(3 * i + 1)],
        ...(isBad ? { status: "TODO" } : { ...took, origin: 0 }),
      }),
    ];
  }).flat();
}

/** Starts a browser without a window, and without anything that it would load by itself. */
export async function startBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** What a page did that it should not: errors, warnings, and requests besides its own. */
export function watchFaults(page: Page, own: (url: string) => boolean): string[] {
  const faults: string[] = [];
  // A loaded machine is slow.
  page.setDefaultTimeout(60_000);
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => void faults.push(`error: ${error.stack}`));
  page.on("dialog", (dialog) => void faults.push(`dialog: ${dialog.message()}`));
  page.on("request", (request) => {
    if (!own(request.url())) faults.push(`request: ${request.url()}`);
  });
  return faults;
}
