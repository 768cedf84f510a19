import { relative } from "@std/path/posix/relative";
import { fromFileUrl } from "@std/path/posix/from-file-url";

/** How a new project finds furu. */
export interface FuruSource {
  /** The URL of the folder with furu's own code. */
  readonly url: string;
  /** The version of it. */
  readonly version: string;
  /** Whether furu is one file, from which nothing can be imported elsewhere. */
  readonly isPacked: boolean;
}

/** Options of {@link newProjectFiles}. */
export interface NewProjectOptions {
  /** The project's folder, absolute. */
  folder: string;
  /** How it finds furu. */
  source: FuruSource;
  /** Whether a configuration of Deno above it has a workspace, which would claim the project. */
  isInWorkspace: boolean;
}

/** The files of a new project by their names. */
export function newProjectFiles(options: NewProjectOptions): Map<string, string> {
  return new Map([
    ["deno.json", json(denoConfig(options))],
    ["furu.json", furuConfig(options)],
    ["pipeline.ts", PIPELINE],
    ["pipeline_test.ts", PIPELINE_TEST],
    [".gitignore", `${IGNORED}\n`],
  ]);
}

/** What a version control system is not to see. */
export const IGNORED = "/furu-data/";

/** What Deno has to know of a project. */
function denoConfig({ folder, source, isInWorkspace }: NewProjectOptions): Record<string, unknown> {
  return {
    tasks: {
      furu: "deno run -A --unstable-lazy-dynamic-imports @furu/furu/cli",
      test: "deno test -A",
    },
    imports: { "@furu/furu": `jsr:@furu/furu@^${source.version}` },
    // A checkout of furu stands for the package.
    ...(isCheckout(source) ? { links: [pathFrom(folder, source.url.replace(/\/$/, ""))] } : {}),
    ...(isInWorkspace ? { workspace: [] } : {}),
    exclude: ["furu-data"],
  };
}

function isCheckout({ url, isPacked }: FuruSource): boolean {
  return !isPacked && url.startsWith("file:");
}

function furuConfig({ folder, source }: NewProjectOptions): string {
  const schema = `${source.url}furu.schema.json`;
  const place = isCheckout(source) ? pathFrom(folder, schema) : schema;
  const lines = [
    ...(source.isPacked ? [] : [`  "$schema": ${JSON.stringify(place)},`]),
    "  // Comments are allowed. 'furu config' shows all settings, and where each comes from.",
    "  // For 'furu run --slurm':",
    '  // "slurm": { "specs": { "default": { "partition": "cpu", "timeMin": 60, "memGb": 4 } } },',
    '  "maxComputeRetries": 3',
  ];
  return `{\n${lines.join("\n")}\n}\n`;
}

/** As a relative path where both are near each other, and may be moved together. */
function pathFrom(folder: string, url: string): string {
  const path = fromFileUrl(url);
  const near = relative(folder, path);
  return near.startsWith("../../../") ? path : near;
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

const PIPELINE = `import { defineTask, get, z } from "@furu/furu";

/** Some numbers that look random. */
export const Numbers = defineTask({
  name: "demo/Numbers",
  params: z.object({ count: z.int().min(1), seed: z.int().default(1) }),
  create: ({ params, log }) => {
    log.info(\`making \${params.count} numbers\`); // once: then they are loaded
    const number = (i: number) => (Math.sin(params.seed * (i + 1)) + 1) / 2;
    return Array.from({ length: params.count }, (_, i) => number(i));
  },
});

/** Their mean: what is in its parameters is computed first, and loaded here. */
export const Mean = defineTask({
  name: "demo/Mean",
  params: z.object({ of: Numbers.schema }),
  create: async ({ params }) => {
    const numbers = await get(params.of); // number[]
    return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  },
});

// What 'furu run pipeline.ts' computes: a sweep over three seeds.
export default [1, 2, 3].map((seed) =>
  Mean({ of: Numbers({ count: 1000, seed }) })
);
`;

const PIPELINE_TEST = `import assert from "node:assert/strict";
import { get } from "@furu/furu";
import { runInline, withStore } from "@furu/furu/testing";
import { Mean, Numbers } from "./pipeline.ts";

Deno.test("the mean is that of the numbers", () =>
  withStore(async () => {
    const numbers = Numbers({ count: 3 });
    const mean = Mean({ of: numbers });
    await runInline(mean); // in a store of the test's own
    const [a = 0, b = 0, c = 0] = await get(numbers);
    assert.ok(Math.abs(await get(mean) - (a + b + c) / 3) < 1e-12);
  }));
`;
