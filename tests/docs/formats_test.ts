import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { type RunEvent, RunFailedError, type RunSummary } from "../../mod.ts";
import { noticeOf } from "../../lib/notify/notice.ts";
import { runFuru } from "../../lib/cli/main.ts";
import { runInline } from "../../lib/testing/run_inline.ts";
import { withStore } from "../../lib/testing/with_store.ts";
import { firstNames, markedTables, readPages, REPOSITORY } from "./page.ts";
import roots from "./fixtures/formats.ts";

const MODULE = join(REPOSITORY, "tests/docs/fixtures/formats.ts");

/** Where the fields are declared that a small run has no example of. */
const DECLARED = [
  "lib/catalog/read_entries.ts",
  "lib/cli/view/artifact_view.ts",
  "lib/cli/view/plan_view.ts",
  "lib/cli/view/plan_limits.ts",
  "lib/cli/commands/plan.ts",
  "lib/core/event.ts",
  "lib/core/attempt_end.ts",
  "lib/run/computer.ts",
  "lib/store/run_progress.ts",
  "lib/status/run_views.ts",
  "lib/store/record.ts",
  "lib/store/results/provenance.ts",
  "lib/run/compute.ts",
  "lib/notify/notice.ts",
];

type Json = Record<string, unknown>;

/** Objects of each format, by the name of its table, as a run with a failure leaves them. */
async function examples(root: string): Promise<Record<string, unknown[]>> {
  const events: RunEvent[] = [];
  try {
    await runInline(roots, {
      onEvent: (event) => void events.push(event),
      maxComputeRetries: 1,
      keepGoing: true,
    });
  } catch (error) {
    if (!(error instanceof RunFailedError)) throw error;
  }
  const json = async (...args: string[]): Promise<unknown> => {
    let text = "";
    const io = {
      out: (more: string) => void (text += more),
      err: () => {},
      color: false,
      width: 80,
      cwd: root,
    };
    await runFuru({ args: [...args, "--root", root, "--json"], io });
    return JSON.parse(text);
  };
  const plan = await json("plan", MODULE) as { nodes: unknown[] };
  const entries = await json("ls") as { name: string; hash: string; status: string }[];
  const file = async (pattern: RegExp): Promise<Json> => {
    const [path] = (await filesBelow(root)).filter((each) => pattern.test(each));
    assert(path, `nothing is like ${pattern}`);
    return JSON.parse(await Deno.readTextFile(path)) as Json;
  };
  const record = await file(/Rows\/[0-9a-f]{32}\.json$/);
  const { failure } = events.find(({ type }) => type === "node_failed") as { failure: unknown };
  const { summary } = events.at(-1) as { summary: unknown };
  return {
    notice: [noticeOf(
      { runId: "x", mode: "local", entry: "", roots: [], store: root, host: "x", command: [] },
      { type: "end", summary: summary as RunSummary, interrupted: false },
      0,
    )],
    error: [(await json("ls", "--since", "never") as { error: unknown }).error],
    plan: [plan],
    "plan node": plan.nodes,
    ...Object.groupBy(events, ({ type }) => type),
    failure: [failure],
    summary: [summary],
    ls: entries,
    show: await Promise.all(entries.map(({ hash }) => json("show", hash))),
    status: [await json("status", "last")],
    "progress.json": [await file(/runs\/.*\/progress\.json$/)],
    record: [record],
    provenance: [record.provenance],
    end: [await file(/\/end-[0-9a-z]+\.json$/)],
  };
}

async function filesBelow(folder: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = join(folder, name);
    found.push(...isDirectory ? await filesBelow(path) : [path]);
  }
  return found;
}

describe("docs/formats.md", () => {
  it("has each field that there is, and no other", async () => {
    const page = (await readPages()).find(({ path }) => path === "docs/formats.md")!;
    const declared = (await Promise.all(DECLARED.map((path) => Deno.readTextFile(join(REPOSITORY, path)))))
      .join("\n");
    const found = await withStore(({ root }) => examples(root));
    const tables = markedTables(page, "fields");
    const faults: string[] = [];
    for (const [format, rows] of tables) {
      const named = firstNames(rows);
      const known = new Set(named.map((name) => name.replace("?", "")));
      const objects = (found[format] ?? []) as Json[];
      if (objects.length === 0 && named.some((name) => !name.endsWith("?"))) {
        faults.push(`${format}: no example`);
      }
      for (const object of objects) {
        for (const key of Object.keys(object)) {
          if (!known.has(key)) faults.push(`${format}: '${key}' is missing`);
        }
        for (const name of named) {
          if (!name.endsWith("?") && !(name in object)) {
            faults.push(`${format}: '${name}' is not always there`);
          }
        }
      }
      for (const name of known) {
        const isSeen = objects.some((object) => name in object);
        if (!isSeen && !new RegExp(`\\b${name}\\??:|\\b${name},`).test(declared)) {
          faults.push(`${format}: there is no '${name}'`);
        }
      }
    }
    assertEquals([...new Set(faults)], []);
    // A format without a table would not be looked at.
    assertEquals(Object.keys(found).filter((format) => !tables.has(format)), []);
  });
});
