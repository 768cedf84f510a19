import { assert, assertEquals } from "@std/assert";
import { dirname } from "@std/path/dirname";
import { join } from "@std/path/join";
import { projectConfig } from "../snapshot/rig.ts";
import { type Fence, type Page, REPOSITORY } from "./page.ts";

/** What pages call the folder of the reader's project. */
const SHOWN_FOLDER = "/home/you/houses";

/** What is another one each time, or on another machine. */
const MASKS: readonly [RegExp, string][] = [
  [/\d{4}-\d\d-\d\d(T\d{6,9}Z|[T ]\d\d:\d\d(:\d\d)?(\.\d+)?Z?)?/g, "DATE"],
  [/\b\d\d:\d\d(:\d\d)?\b/g, "DATE"],
  [/(?<=(local|slurm)-DATE-)[0-9a-f]+/g, "ID"],
  [/\b(\d+)-[0-9a-f]{8,32}\b/g, "$1-ID"],
  [/\b\d+(\.\d+)? ?(ms|µs|s|m|min|h|d)\b/g, "TIME"],
  [/\bTIME( TIME)+\b/g, "TIME"],
  [/\b(just now|TIME ago)\b/g, "AGO"],
  [/\b\d+(\.\d+)? ?(B|kB|KB|MB|GB|KiB|MiB|GiB)\b/g, "SIZE"],
  [/"(durationMs|bytes|peakMemoryBytes|cpuSec)": [\d.]+/g, '"$1": N'],
  [/\b(pid|process) \d+/g, "$1 N"],
  // Failures are numbered as they come.
  [/^\d+\. /g, "N. "],
  [/[ ─]+/g, " "],
];

/** A project of a reader's, in which the blocks of a page are written and run. */
export class PageProject {
  readonly #folder: string;
  readonly #page: Page;

  /** @param parent A folder for the projects of all pages. */
  constructor(parent: string, page: Page) {
    this.#page = page;
    this.#folder = join(parent, page.path.replace(/\W/g, "_"));
    this.#write("deno.json", projectConfig());
    // What the pages call `furu`, as a project of a user's has it.
    const deno = Deno.execPath();
    this.#write(
      "bin/furu",
      `#!/bin/sh\nexec '${deno}' run -A --quiet --unstable-lazy-dynamic-imports jsr:@furu/furu/cli "$@"\n`,
      0o755,
    );
    // Checking the types of all of furu for each page takes a minute: `deno task check:defaults` does it once.
    this.#write(
      "bin/deno",
      `#!/bin/sh\n[ "$1" = test ] && { shift; set -- test --no-check "$@"; }\nexec '${deno}' "$@"\n`,
      0o755,
    );
  }

  /** Does what each block says; with `UPDATE_DOCS=1` the page gets what was printed. */
  async run(): Promise<void> {
    const isUpdate = Deno.env.get("UPDATE_DOCS") === "1";
    let { text: page } = this.#page;
    let shift = 0;
    const fences = this.#page.fences;
    try {
      for (const [i, fence] of fences.entries()) {
        const file = fence.marks.get("file");
        if (file !== undefined) {
          this.#write(file, fence.text);
        }
        if (!fence.marks.has("run")) continue;
        const printed = await this.#shell(fence);
        const next = fences[i + 1];
        if (!next?.marks.has("output")) continue;
        const fault = difference(next.text, printed);
        if (fault === undefined) continue;
        assert(isUpdate, `${this.#page.path}, after\n${fence.text}\n${fault}\nPrinted was:\n${printed}`);
        assert(
          !isElided(next.text),
          `${this.#page.path}: to be written by hand after ${fence.text}:\n${printed}`,
        );
        page = page.slice(0, next.start + shift) + printed + page.slice(next.end + shift);
        shift += printed.length - next.text.length;
      }
    } finally {
      if (page !== this.#page.text) await Deno.writeTextFile(join(REPOSITORY, this.#page.path), page);
    }
  }

  async #shell({ text, marks }: Fence): Promise<string> {
    const command = new Deno.Command("bash", {
      args: ["-e", "-o", "pipefail", "-c", `exec 2>&1\n${text}`],
      cwd: this.#folder,
      env: {
        PATH: `${this.#folder}/bin:${Deno.env.get("PATH")}`,
        FURU_RECORD_GIT: "ignore",
        NO_COLOR: "1",
        USER: "you",
        // Set where tests run, and not where a reader sits.
        CI: "",
        FURU_PATH: "",
      },
    });
    const { code, stdout } = await command.output();
    const printed = new TextDecoder().decode(stdout).replaceAll(this.#folder, SHOWN_FOLDER)
      .replaceAll(Deno.hostname(), "laptop").replaceAll(/ +$/gm, "")
      // Only where packages are taken from folders.
      .replaceAll(/^Warning "links" field .*\n +at .*\n/gm, "");
    assertEquals(code, Number(marks.get("exit") ?? 0), `${this.#page.path}:\n${text}\n${printed}`);
    return printed;
  }

  #write(name: string, text: string, mode = 0o644): void {
    const path = join(this.#folder, name);
    Deno.mkdirSync(dirname(path), { recursive: true });
    Deno.writeTextFileSync(path, text, { mode });
  }
}

/** A line `...` stands for any lines. */
function isElided(expected: string): boolean {
  return expected.split("\n").includes("...");
}

/**
 * In what a page differs from what was printed. The order of lines is free, as tasks end in any order.
 *
 * @returns `undefined` when it is the same.
 */
export function difference(expected: string, printed: string): string | undefined {
  const rest = maskedLines(printed);
  const missing = maskedLines(expected).filter((line) => {
    const at = rest.indexOf(line);
    if (at >= 0) rest.splice(at, 1);
    return line !== "..." && at < 0;
  });
  const more = isElided(expected) ? [] : rest;
  if (missing.length + more.length === 0) return undefined;
  return [...missing.map((line) => `- ${line}`), ...more.map((line) => `+ ${line}`)].join("\n");
}

function maskedLines(text: string): string[] {
  return text.split("\n").map((line) =>
    MASKS.reduce((text, [what, mask]) => text.replaceAll(what, mask), line).trim()
  ).filter((line) => line !== "");
}
