import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { describe, it } from "@std/testing/bdd";
import { canRequire, isNewest } from "../../this_deno.ts";

interface Found {
  changes: string[];
  noted: boolean;
  again: number;
}

interface Report {
  found: Record<string, Found>;
  trusted: boolean;
  looks: unknown[];
  native: unknown[];
  replaced: boolean;
  failed: boolean;
}

/** The only change that each way makes; none where it is none. */
const CHANGES: Record<string, string | undefined> = {
  nothing: undefined,
  definesItsOwn: undefined,
  assigned: "Array.prototype.trace",
  assignedGlobal: "trace",
  declared: "trace",
  symbol: "Array.prototype[Symbol(trace)]",
  index: "Array.prototype.length",
  field: "Map.prototype.trace",
  getter: "Set.prototype.trace",
  hidden: "String.prototype.trace",
  hiddenMany: "Math.trace",
  hiddenByReflect: "JSON.trace",
  hiddenByCall: "Promise.trace",
  hiddenBehindProxy: "Number.prototype.trace",
  hiddenSymbol: "Date.prototype[Symbol(trace)]",
  stack: "RegExp.prototype.stack",
  inherits: "Array.super_",
  deleted: "Math.random",
  deletedUndefined: "addedBefore",
  deletedInherited: "console.toString",
  replacedBehindCount: "addedBefore, trace",
  accessor: "Map.prototype.size",
  accessorLost: "Set.prototype.size",
  accessorAssigned: "Set.prototype.size",
  accessorListed: "Set.prototype.size",
  accessorBehindCount: "WebSocket, addedBefore",
  changed: "Date.now",
  changedGlobal: "fetch",
  prototype: "Math.__proto__",
};

/** Those that add a name that `Object.keys` does not list, or change how a property is computed. */
const NOTED = ["definesItsOwn", "accessor"];

function changesOf(found: Report["found"]): Record<string, string | undefined> {
  const changes = Object.entries(found).map(([way, { changes }]) => [way, changes.toSorted().join(", ")]);
  return Object.fromEntries(changes.map(([way, text]) => [way, text || undefined]));
}

async function report(...options: string[]): Promise<Report> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--config",
      fromFileUrl(new URL("../../../deno.json", import.meta.url)),
      ...options,
      fromFileUrl(new URL("changes_script.ts", import.meta.url)),
    ],
    stderr: "inherit",
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

describe("Builtins of a worker without node's process", () => {
  it("finds and restores whatever a task changed, between the looks at all names", async () => {
    const { found, trusted, looks, native, replaced, failed } = await report();
    assertEquals(changesOf(found), CHANGES);
    for (const [way, { again, noted }] of Object.entries(found)) {
      assertEquals({ way, again, noted }, {
        way,
        again: 0,
        // Nothing is noted where node is loaded from the beginning, as an older Deno does: all is looked at.
        noted: isNewest && (NOTED.includes(way) || /^hidden/.test(way)),
      });
    }
    assertEquals({ trusted, replaced, failed }, { trusted: isNewest, replaced: true, failed: false });
    // Programs look whether it is native.
    const [text, ...rest] = looks as [string];
    assertEquals(rest, native.slice(1));
    assertEquals(/^function.*?\(\) \{ \[native code\] \}$/.test(text), true, text);
  });

  for (const option of ["--preload", ...(canRequire ? ["--require"] : []), "--import"]) {
    it(`looks at all names where ${option} ran code that may have kept Object.defineProperty`, async () => {
      const kept = await Deno.makeTempFile({ suffix: option === "--require" ? ".cjs" : ".mjs" });
      try {
        await Deno.writeTextFile(kept, "");
        const { found, trusted } = await report(option, kept);
        assertEquals(trusted, false);
        assertEquals(changesOf(found), CHANGES);
      } finally {
        await Deno.remove(kept);
      }
    });
  }
});
