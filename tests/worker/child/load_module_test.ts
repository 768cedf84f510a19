import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ExecutionError, ProtocolError } from "../../../lib/core/errors.ts";
import { ensureTask, type TaskLoader } from "../../../lib/worker/child/load_module.ts";

/** A loader over modules in memory: each defines names or throws. */
function loaderOf(modules: Record<string, string[] | Error>) {
  const names = new Set<string>();
  const imported: string[] = [];
  const phases: string[] = [];
  const loader: TaskLoader = {
    registryHas: (name) => names.has(name),
    onImport: (phase) => phases.push(phase),
    importModule: (url) => {
      imported.push(url);
      const module = modules[url] ?? new TypeError(`Module not found "${url}"`);
      if (module instanceof Error) return Promise.reject(module);
      module.forEach((name) => names.add(name));
      return Promise.resolve();
    },
  };
  return { loader, imported, phases };
}

describe("ensureTask()", () => {
  it("imports the task's module first, and nothing when the task is known", async () => {
    const { loader, imported, phases } = loaderOf({ "file:///a.ts": ["t"] });
    await ensureTask("t", "file:///a.ts", "file:///main.ts", loader);
    await ensureTask("t", "file:///a.ts", "file:///main.ts", loader);
    assertEquals(imported, ["file:///a.ts"]);
    assertEquals(phases, ["begin", "end"]);
  });

  it("goes on to the entry when a source map named a file that does not exist", async () => {
    const { loader, imported, phases } = loaderOf({ "file:///main.js": ["t"] });
    await ensureTask("t", "file:///src/missing.ts", "file:///main.js", loader);
    assertEquals(imported, ["file:///src/missing.ts", "file:///main.js"]);
    assertEquals(phases, ["begin", "end", "begin", "end"]);
  });

  it("imports only the entry of a single file, also by its path", async () => {
    const { loader, imported } = loaderOf({ "file:///app/main.ts": ["t"] });
    await ensureTask("t", "file:///a.ts", "/app/main.ts", { ...loader, singleFile: true });
    assertEquals(imported, ["file:///app/main.ts"]);
  });

  it("names both modules and why", async () => {
    const { loader } = loaderOf({
      "file:///a.ts": new SyntaxError("bad token"),
      "file:///main.ts": ["other"],
    });
    const error = await assertRejects(
      () => ensureTask("toy/T", "file:///a.ts", "file:///main.ts", loader),
      ProtocolError,
    );
    assertStringIncludes(error.message, '"toy/T"');
    assertStringIncludes(error.message, "file:///a.ts cannot be imported (SyntaxError: bad token)");
    assertStringIncludes(error.message, "file:///main.ts does not define it");
  });

  it("says what to do when no module is known", async () => {
    const { loader } = loaderOf({});
    const error = await assertRejects(() => ensureTask("t", undefined, undefined, loader), ProtocolError);
    assertStringIncludes(error.message, "pass `module: import.meta.url`");
  });

  it("says whether another machine may be able to load the task", async () => {
    const isNodesFault = async (modules: Record<string, string[] | Error>): Promise<unknown> => {
      const { loader } = loaderOf(modules);
      const error = await assertRejects(
        () => ensureTask("t", "file:///a.ts", "file:///main.ts", loader),
        ProtocolError,
      );
      return (error as { isNodesFault?: unknown }).isNodesFault === true;
    };
    assertEquals(await isNodesFault({}), true);
    assertEquals(await isNodesFault({ "file:///a.ts": [], "file:///main.ts": [] }), false);
    assertEquals(await isNodesFault({ "file:///main.ts": [] }), false);
    const startsRun = new ExecutionError("Cannot call runLocal() while a worker imports");
    assertEquals(await isNodesFault({ "file:///a.ts": startsRun }), false);
  });

  it("does not wait for ever for a module that waits for ever", async () => {
    const { loader } = loaderOf({});
    const error = await assertRejects(
      () =>
        ensureTask("t", "file:///a.ts", undefined, {
          ...loader,
          importModule: () => new Promise(() => {}),
          importTimeoutMs: 20,
        }),
      ProtocolError,
    );
    assertStringIncludes(error.message, "file:///a.ts: it has not finished after 0.02 s");
  });
});
