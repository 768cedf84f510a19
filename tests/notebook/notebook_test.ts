import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { stripAnsiCode } from "@std/fmt/colors";
import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { type Cell, Kernel, kernelAvailable } from "./kernel.ts";

const repository = new URL("../../", import.meta.url);
const required = Deno.env.get("FURU_TEST_NOTEBOOK") === "required";

const TASKS = `
import { defineTask, z } from "@furu/furu";
export const Pid = defineTask({ name: "nb/Pid", params: z.object({ n: z.int() }), create: ({ log }) => {
  log.info("in a module");
  return Deno.pid;
} });
`;
const DOUBLE = (factor: number) => `
const Double = defineTask({ name: "nb/Double", params: z.object({ x: z.int() }), create: ({ params, log }) => {
  log.info("doubling");
  if (params.x > 90) tooMany();
  return ${factor} * params.x;
} });`;

// One kernel for all, as a person has one: each test goes on where the one before ended.
describe("deno jupyter", { ignore: !required && !kernelAvailable() }, () => {
  let kernel: Kernel;
  let folder: string;

  beforeAll(async () => {
    folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "furu-notebook-" }));
    await Deno.writeTextFile(join(folder, "tasks.ts"), TASKS);
    kernel = await Kernel.start(fromFileUrl(new URL("examples/", repository)), {
      FURU_PATH: join(folder, "store"),
      NO_COLOR: "",
    });
  });
  afterAll(async () => {
    await kernel?.[Symbol.asyncDispose]();
    await Deno.remove(folder, { recursive: true });
  });

  const run = async (code: string, status = "ok"): Promise<Cell> => {
    const cell = await kernel.run(code);
    assertEquals(cell.status, status, `${code}\n${JSON.stringify(cell.outputs)}`);
    return cell;
  };
  const number = (cell: Cell): number => Number(stripAnsiCode(cell.shown["text/plain"]!));

  it("runs the example: artifacts, plan, run, value and table are shown", async () => {
    const { cells } = JSON.parse(await Deno.readTextFile(new URL("examples/notebook.ipynb", repository)));
    const shown: Cell[] = [];
    for (const { cell_type, source } of cells) {
      if (cell_type === "code") shown.push(await run(source.join("")));
    }
    const [, , artifact, plan, summary, value, table] = shown;
    assertStringIncludes(artifact!.shown["text/plain"]!, "12 x notebook/Walk  TODO  seed=0..11");
    assertStringIncludes(plan!.shown["text/plain"]!, "13 artifacts: 0 done, 0 in progress, 13 to do");
    assertMatch(plan!.shown["text/html"]!, /<span style="font-weight:bold">TODO<\/span>/);
    assertStringIncludes(summary!.shown["text/plain"]!, "13 computed, 0 cached");
    assert(number(value!) > 1, JSON.stringify(value!.shown));
    assertEquals(table!.shown["text/html"]!.match(/<tr>/g)?.length, 13);
  });

  it("shows a run in one display that is updated, and what tasks log, without moving a cursor", async () => {
    const id = kernel.begin(`${DOUBLE(2)}
      const Slow = defineTask({ name: "nb/Slow", params: z.object({ of: Double.schema }), create: async (ctx) => {
        ctx.progress(0.5, "half way");
        await new Promise((resolve) => setTimeout(resolve, 400));
        return await get(ctx.params.of) + 1;
      } });
      await runLocal(Slow({ of: Double({ x: 3 }) }))`);
    const { status } = await kernel.end(id);
    assertEquals(status, "ok", JSON.stringify(kernel.cell(id).outputs));
    const isUpdate = ({ type }: { type: string }) =>
      type === "display_data" || type === "update_display_data";
    // The display ends empty, and a line stays.
    const { outputs, text } = await kernel.shows(id, (cell) => {
      const last = cell.outputs.findLast(isUpdate);
      return last?.content.data?.["text/plain"] === "" && /doubling/.test(cell.text) &&
        /2 computed/.test(cell.text);
    });
    const updates = outputs.filter(isUpdate);
    assertEquals(updates.filter(({ type }) => type === "display_data").length, 1);
    assertEquals(new Set(updates.map(({ content }) => content.transient?.display_id)).size, 1);
    assert(updates.some(({ content }) => content.data?.["text/plain"]?.includes("half way")));
    assertMatch(text, /^nb\/(Slow, nb\/Double|Double, nb\/Slow): computed inside this process/m);
    // deno-lint-ignore no-control-regex -- what moves a cursor begins with it
    assert(!/\x1b\[\d*[A-HJKf]|\r/.test(text), JSON.stringify(text));
  });

  it("takes the newer definition, says in what it differs, and refuses artifacts of the older one", async () => {
    const before = await run("const early = Double({ x: 5 });");
    assertEquals(before.text, "");
    const same = kernel.begin(DOUBLE(2));
    assertEquals((await kernel.end(same)).status, "ok");
    assertEquals(number(await run("await get(early)")), 10);
    assertEquals(kernel.cell(same).text, "");
    await run("const late = Double({ x: 6 });");
    const other = kernel.begin(DOUBLE(20));
    assertEquals((await kernel.end(other)).status, "ok");
    const { text } = await kernel.shows(other, (cell) => cell.text !== "");
    assertMatch(text, /^furu: task 'nb\/Double' is defined anew, with another create; .*still count.*\n$/);
    assertEquals(number(await run("await get(early)")), 10); // stored
    assertStringIncludes(
      (await run("await get(late)", "error")).error,
      "has been defined anew since it was made",
    );
    assertStringIncludes(
      (await run("await runLocal(late)", "error")).error,
      "make it again, with the newer task",
    );
    assertEquals(number(await run("await get(Double({ x: 6 }))")), 120);
  });

  it("shows the lines of a task that fails, not furu's", async () => {
    await run('function tooMany() { throw new Error("too many"); }');
    for (const call of ["get(Double({ x: 91 }))", "runLocal(Double({ x: 92 }), { maxComputeRetries: 0 })"]) {
      const { error } = await run(`await ${call}`, "error");
      assertMatch(error, /too many/);
      assertMatch(error, /at +tooMany \(<anonymous>:\d+:\d+\)/);
      assert(!error.includes("/lib/run/"), error);
      assert(!error.includes("/lib/local/"), error);
    }
  });

  it("gives workers what they can import, beside what is typed in", async () => {
    await run(`const { Pid } = await import(${JSON.stringify(`file://${folder}/tasks.ts`)});
      const Both = defineTask({ name: "nb/Both", params: z.object({ pid: Pid.schema }), create: async ({ params }) =>
        [await get(params.pid), Deno.pid] });`);
    const id = kernel.begin("await runLocal([Both({ pid: Pid({ n: 1 }) }), Pid({ n: 2 })])");
    assertEquals((await kernel.end(id)).status, "ok", JSON.stringify(kernel.cell(id).outputs));
    // The lines of its log are shown as well.
    await kernel.shows(id, ({ text }) => /nb\/Both: computed inside/.test(text) && /in a module/.test(text));
    const told = await run("(await get(Both({ pid: Pid({ n: 1 }) }))).map((pid) => pid === Deno.pid).join()");
    assertStringIncludes(told.shown["text/plain"]!, "false,true");
  });

  it("says what to do about Slurm, and about workers that are asked for", async () => {
    const call = "runSlurm(Double({ x: 7 }), { specs: { default: {} } })";
    assertStringIncludes(
      (await run(`const { runSlurm } = await import("@furu/furu"); await ${call}`, "error")).error,
      "put the tasks into a module file",
    );
    const process = 'runLocal(Double({ x: 7 }), { isolation: "process" })';
    assertStringIncludes((await run(`await ${process}`, "error")).error, 'isolation: "inline"');
  });

  it("ends a run and a get when the cell is interrupted, and goes on", async () => {
    await run(`const Endless = defineTask({ name: "nb/Endless", params: z.object({ n: z.int() }),
      create: ({ log, signal }) => new Promise((_, reject) => {
        log.info("waiting");
        signal.addEventListener("abort", () => reject(signal.reason));
      }) });`);
    for (const call of ["runLocal(Endless({ n: 1 }))", "get(Endless({ n: 2 }))"]) {
      const id = kernel.begin(`await ${call}`);
      await kernel.shows(id, ({ text }) => text.includes("waiting"));
      kernel.interrupt();
      const { status, error } = await kernel.end(id);
      assertEquals(status, "error");
      assertStringIncludes(error, "Interrupted");
      const left = [...Deno.readDirSync(join(folder, "store/artifacts/nb/Endless"))].map(({ name }) => name);
      assertEquals(left.filter((name) => name.endsWith(".claim")), []);
    }
    assertEquals(number(await run("await get(Double({ x: 8 }))")), 160);
  });

  it("finds claims of a kernel that was restarted free, and what it stored by the same definition", async () => {
    const id = kernel.begin("await get(Endless({ n: 3 }))");
    await kernel.shows(id, ({ text }) => text.includes("waiting"));
    await kernel.restart();
    await run('import { defineTask, get, z } from "@furu/furu";');
    await run(
      `const Endless = defineTask({ name: "nb/Endless", params: z.object({ n: z.int() }), create: () => 3 });`,
    );
    assertEquals(number(await run("await get(Endless({ n: 3 }))")), 3);
    // From a module with the same definition, in another process, which computes nothing.
    await Deno.writeTextFile(
      join(folder, "double.ts"),
      `import { defineTask, exists, get, z } from "@furu/furu";${DOUBLE(20)}
      function tooMany() {}
      console.log(await exists(Double({ x: 8 })), await get(Double({ x: 8 })), await get(Double({ x: 9 })));`,
    );
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--config",
        fromFileUrl(new URL("deno.json", repository)),
        join(folder, "double.ts"),
      ],
      env: { FURU_PATH: join(folder, "store"), NO_COLOR: "1" },
    }).output();
    assertEquals(new TextDecoder().decode(stdout), "true 160 180\n", new TextDecoder().decode(stderr));
    // And the other way round.
    const cell = await run(`${DOUBLE(20)}\nawait get(Double({ x: 9 }))`);
    assertEquals(number(cell), 180);
    assertEquals(kernel.cell(cell.outputs[0]!.id).text, "");
    const [record] = [...Deno.readDirSync(join(folder, "store/artifacts/nb/Endless"))]
      .filter(({ name }) => name.endsWith(".json"));
    const { provenance } = JSON.parse(
      await Deno.readTextFile(join(folder, "store/artifacts/nb/Endless", record!.name)),
    );
    assertEquals(Object.keys(provenance.code), ["session", "definitionDigest"]);
    assertEquals(provenance.code.session, "notebook");
  });
});
