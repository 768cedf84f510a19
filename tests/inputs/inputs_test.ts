import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { file, folder } from "../../lib/api/file.ts";
import { ComputeError, ValidationError } from "../../lib/core/errors.ts";
import {
  factsOf,
  type FileInput,
  type Input,
  type InputType,
  makeInput,
  withInputPaths,
} from "../../lib/core/json/input_file.ts";
import { contentOf } from "../../lib/inputs/content.ts";
import type { Runtime } from "../../lib/run/runtime.ts";
import { indexDir } from "../../lib/store/layout.ts";
import { readEnds } from "../../lib/store/results/ends.ts";
import { ARTIFACT, type Artifact, type CreateContext } from "../../lib/task/artifact/artifact.ts";
import { KeptArtifacts, keptTable } from "../../lib/task/artifact/kept.ts";
import { decodeArtifact, paramsText } from "../../lib/task/artifact/reference.ts";
import { findTask } from "../../lib/task/artifact/registry.ts";
import { defineTask } from "../../lib/task/define.ts";
import { inputOfText, parseWithInputs } from "../../lib/task/schema/input_schema.ts";
import { setParams } from "../../lib/task/schema/set_params.ts";
import { table } from "../../mod.ts";
import { paramCells } from "../../lib/catalog/cells.ts";
import { parseCondition } from "../../lib/catalog/conditions.ts";
import { ANY_ARTIFACT, findArtifacts } from "../../lib/catalog/find_artifacts.ts";
import { readEntries } from "../../lib/catalog/read_entries.ts";
import { sidesText } from "../../lib/cli/view/difference_text.ts";
import { differences } from "../../lib/explain/differences.ts";
import { runInline } from "../../lib/testing/run_inline.ts";
import { withStore } from "../../lib/testing/with_store.ts";
import { flatParams } from "../../lib/ui/params_text.ts";
import { Rig, testRuntime } from "../rig.ts";
import { getFrom, recordOf } from "../run/rig.ts";

const A = "87428fc522803d31065e7bce3cf03fe475096631e5e07bbd7a0fde60c4cf25c7"; // "a\n"
const B = "0263829989b6fd954f72baaf2fc64bc2e2f01d692d4de72986ea808f6e99813f"; // "b\n"

/** A runtime whose clock is ahead, so that what was just written has settled. */
function later(root: string): Runtime {
  const { clock } = testRuntime(root).machine;
  return testRuntime(root, { machine: { clock: { ...clock, now: () => Date.now() + 60_000 } } });
}

async function inputAt(runtime: Runtime, kind: InputType, path: string): Promise<Input> {
  return makeInput(kind, { path, ...await contentOf(kind, path, runtime) });
}

/** A file of a rig, with its path. */
function put(rig: Rig, name: string, text: string): string {
  const path = join(rig.root, "raw", name);
  Deno.mkdirSync(join(path, ".."), { recursive: true });
  Deno.writeTextFileSync(path, text);
  return path;
}

let create: (ctx: CreateContext<{ data: FileInput }>) => unknown = () => 1;
const Lines = defineTask({
  name: "inputs/Lines",
  params: z.object({ data: file.schema, note: file.schema.optional() }),
  unhashed: ["note"],
  create: (ctx): unknown => create(ctx as never),
});
const All = defineTask({
  name: "inputs/All",
  params: z.object({ of: z.array(z.union([file.schema, folder.schema, z.string(), Lines.schema])) }),
  create: () => 1,
});

describe("a file or a folder as a parameter", () => {
  it("counts by its content alone; identities stay for ever", () => {
    const [one, other] = [file.known(A, "/x/a.csv"), file.known(A, "/y/b.csv")];
    assertEquals(Lines({ data: one }).hash, Lines({ data: other, note: file.known(B) }).hash);
    assertNotEquals(Lines({ data: one }).hash, Lines({ data: file.known(B, "/x/a.csv") }).hash);
    const all = All({ of: [one, folder.known(A), Lines({ data: one })] });
    assertEquals(
      all[ARTIFACT].identity,
      `{"params":{"of":[{"$file":{"sha256":"${A}"}},{"$folder":{"sha256":"${A}"}},` +
        `{"$artifact":["inputs/Lines","${Lines({ data: one }).hash}"]}]},"scheme":1,"task":"inputs/All"}`,
    );
    assertEquals(all.hash, "ade64f5f1c850e3043061955fd53f44f");
  });

  it("is known to other processes with its path, and from what is kept beside a value, but not from an identity", () => {
    const data = makeInput("file", { sha256: A, path: "/x/a.csv", stamp: "2-1-1-7" }) as FileInput;
    const artifact = Lines({ data, note: file.known(B, "/x/note") });
    const table = new Map([[artifact.hash as string, {
      name: artifact.name,
      params: JSON.parse(paramsText(artifact)),
    }]]);
    const sent = decodeArtifact(artifact.hash, table, findTask) as typeof artifact;
    assertEquals(factsOf(sent.params.data), { sha256: A, path: "/x/a.csv", stamp: "2-1-1-7" });
    assertEquals(sent.params.note?.path, "/x/note");
    assertEquals(sent[ARTIFACT].inputs?.map((input) => input.path), ["/x/a.csv"]);

    const kept = new KeptArtifacts(JSON.parse(keptTable([artifact])!), findTask);
    assertEquals(
      (kept.artifact(artifact.name, artifact.hash) as typeof artifact).params.data.path,
      "/x/a.csv",
    );
    assertThrows(() => file.known(A).path, ValidationError, "only its content is known");
    assertEquals(`${data}`, "/x/a.csv");
    assertEquals(structuredClone(data).path, "/x/a.csv");
    assertEquals(Deno.inspect({ data }), "{ data: a.csv(87428fc5) }");
    assertThrows(() => file.known("87428fc5"), ValidationError, "must be a SHA-256, 64 hex digits");
  });

  it("what is no such parameter is told what it should be", () => {
    assertThrows(
      () => Lines({ data: "a.csv" as never }),
      ValidationError,
      `params.data: expected a file, as file(path) makes it: await file("a.csv")`,
    );
    assertThrows(() => Lines({ data: folder.known(A) as never }), ValidationError, "expected a file");
    assertThrows(() => Lines({} as never), ValidationError, "params.data: is missing, expected a file");
  });

  it("on the command line a path stands for it; in a union a text that is no file is a text", async () => {
    await using rig = new Rig();
    const path = put(rig, "a.csv", "a\n");
    const make = (kind: InputType, path: string) => inputAt(testRuntime(rig.root), kind, path);
    const lines = await parseWithInputs(make, () => setParams(Lines, [`data=${path}`]));
    assertEquals(lines.hash, Lines({ data: file.known(A) }).hash);
    const text = JSON.stringify([path, `${path}-gone`, { data: path }]);
    const all = await parseWithInputs(make, () => setParams(All, [`of=${text}`]));
    assertEquals(all.hash, All({ of: [file.known(A), `${path}-gone`, lines] }).hash);
    await assertRejects(
      () => parseWithInputs(make, () => setParams(Lines, [`data=${path}-gone`])),
      ValidationError,
      `Cannot use file '${path}-gone' as a parameter: there is no such file`,
    );
    assertThrows(() => inputOfText("file", path)); // nothing is parsed now
  });
});

describe("people", () => {
  const identity = (sha256: string, path: string) => ({
    task: "inputs/Lines",
    params: { data: { $file: { sha256 } }, all: [{ $folder: { sha256 } }], n: 1 },
    inputs: { [sha256]: path },
  });

  it("see the name and the beginning of the digest; a path that differs is no difference", async () => {
    const [one, moved, other] = [identity(A, "/x/a.csv"), identity(A, "/y/a.csv"), identity(B, "/x/a.csv")];
    const none = () => Promise.resolve(undefined);
    assertEquals(await differences(one, moved, none), []);
    const found = await differences(one, other, none);
    assertEquals(found.map((field) => [field.path, ...Object.values(sidesText(field))]), [
      ["data", "a.csv(87428fc5)", "a.csv(02638299)"],
      ["all[0]", "a.csv(87428fc5)", "a.csv(02638299)"],
    ]);
    assertEquals(flatParams(one.params).get("data"), "file(87428fc5)");
    for (const condition of ["data=a.csv", "data=87428f", "data~csv", "data!=b.csv"]) {
      assert(parseCondition(condition)({ params: withInputPaths(one.params, one.inputs) }), condition);
    }
  });

  it("have it in tables, with its path, as stored artifacts", async () => {
    await withStore(async ({ root }) => {
      const path = `${root}-a.csv`;
      Deno.writeTextFileSync(path, "a\n");
      create = () => 7;
      const artifact = Lines({ data: await file(path) });
      assertEquals((await runInline(artifact)).computed, 1);
      Deno.removeSync(path);
      const [row] = await table(Lines);
      assertEquals([row?.hash, row?.params.data.path, row?.value], [artifact.hash, path, 7]);
      const [entry] = await readEntries(testRuntime(root).store, [
        (await findArtifacts(testRuntime(root).store, ANY_ARTIFACT))[0]!,
      ]);
      assertEquals(`${JSON.stringify([...paramCells(entry!.params)])}`, `[["data","${path}(${A})"]]`);
    });
  });
});

describe("contentOf()", () => {
  it("of a folder: names and contents of all files and names of all folders count, nothing else", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const make = (name: string, b = "b\n"): string => {
      put(rig, `${name}/z/a`, "a\n");
      const path = join(put(rig, `${name}/b`, b), "..");
      Deno.mkdirSync(join(path, "empty"));
      return path;
    };
    const digest = async (path: string) => (await contentOf("folder", path, runtime)).sha256;
    const [one, other] = [make("one"), make("other")];
    const before = await digest(one);
    assertEquals(before, "654b3a7c3615cdda175e4359fc50e6dcd31dc8e4b727dd21078ceffe0fd38146");
    Deno.chmodSync(join(other, "b"), 0o700);
    Deno.removeSync(join(other, "z/a"));
    Deno.symlinkSync(join(one, "b"), join(other, "link"));
    Deno.renameSync(join(other, "link"), join(other, "b")); // a link to the same content
    Deno.symlinkSync(join(one, "z/a"), join(other, "z/a"));
    assertEquals(await digest(other), before);
    Deno.removeSync(join(other, "empty"));
    assertNotEquals(await digest(other), before);
    assertNotEquals(await digest(make("third", "c\n")), before);
  });

  it("what has no content that could count is refused with its name", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const path = join(put(rig, "all/a", "a\n"), "..");
    const refused = (kind: InputType, path: string, text: string) =>
      assertRejects(() => contentOf(kind, path, runtime), ValidationError, text);
    await refused("file", path, "it is a folder: use folder(path)");
    await refused("folder", `${path}/a`, "it is no folder: use file(path)");
    await refused("folder", `${path}-gone`, "there is no such folder");
    await new Deno.Command("mkfifo", { args: [`${path}/pipe`] }).output();
    await refused("file", `${path}/pipe`, "it is a pipe, a socket or a device");
    await refused("folder", path, `'${path}/pipe' in it is a pipe`);
    Deno.removeSync(`${path}/pipe`);
    Deno.symlinkSync("../all", `${path}/round`);
    await refused("folder", path, `'${path}/round' is a link to a folder that it is in itself`);
    Deno.removeSync(`${path}/round`);
    Deno.symlinkSync("nowhere", `${path}/broken`);
    await refused("folder", path, `'${path}/broken' in it is a link to what is not there`);
  });

  it("is remembered once it has settled, by other processes too; what is kept may be torn, or not be kept", async () => {
    await using rig = new Rig();
    const path = put(rig, "a", "a\n");
    const young = await contentOf("file", path, testRuntime(rig.root));
    assertEquals(young, { sha256: A });
    assertEquals(exists(indexDir(rig.root)), false);

    const { stamp } = await contentOf("file", path, later(rig.root));
    assert(stamp);
    const [kept] = [...Deno.readDirSync(indexDir(rig.root))].map(({ name }) =>
      join(indexDir(rig.root), name)
    );
    const text = Deno.readTextFileSync(kept!);
    // A digest that cannot be: whoever gives it has not read the file.
    Deno.writeTextFileSync(kept!, text.replace(A, B));
    const again = testRuntime(rig.root);
    assertEquals(await contentOf("file", path, again), { sha256: B, stamp });
    for (const torn of ["", text.slice(0, 40), text.replace(path, "/elsewhere"), `{"furu":"input"}`]) {
      Deno.writeTextFileSync(kept!, torn);
      assertEquals((await contentOf("file", path, later(rig.root))).sha256, A);
    }
    assertEquals(await contentOf("file", path, { ...again, known: { sha256: "known", stamp } }), {
      sha256: "known",
      stamp,
    });
    Deno.writeTextFileSync(path, "b\n");
    assertEquals((await contentOf("file", path, again)).sha256, B);
  });
});

describe("an artifact with a file among its parameters", () => {
  it("is computed while the file has its content; where it was is in the record, which needs no file", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const path = put(rig, "a", "a\n");
    create = async ({ params }) => ({ text: await Deno.readTextFile(`${params.data}`), back: params.data });
    const artifact = Lines({ data: await inputAt(runtime, "file", path) as FileInput });
    await getFrom(runtime, artifact);
    const record = recordOf(runtime, artifact);
    assertEquals(record.provenance.inputs, { [A]: path });
    // Without its stamp: a value is the same whenever the file was looked at. The store may move.
    assertEquals((record.value as { back: unknown }).back, {
      $file: { path: { $storePath: "./raw/a" }, sha256: A },
    });
    Deno.removeSync(path);
    const value = await getFrom(testRuntime(rig.root), Lines({ data: file.known(A) })) as never as {
      text: string;
      back: FileInput;
    };
    assertEquals(value.text, "a\n");
    assertEquals(value.back.path, path);
  });

  it("another content than it was made of is never computed, nor one that changed meanwhile stored", async () => {
    await using rig = new Rig();
    for (const when of ["before", "meanwhile", "meanwhile, of the same size and time"]) {
      const runtime = testRuntime(rig.root);
      const path = put(rig, `${when}/a`, "a\n");
      // What has just been written may change again and look the same: its stamp is not trusted.
      const maker = when.endsWith("time") ? runtime : later(rig.root);
      const artifact = Lines({ data: await inputAt(maker, "file", path) as FileInput });
      const { mtime } = Deno.statSync(path);
      const change = () => {
        Deno.writeTextFileSync(path, "b\n");
        if (when.endsWith("time")) Deno.utimeSync(path, mtime!, mtime!);
      };
      let runs = 0;
      create = () => {
        runs++;
        change();
      };
      if (when === "before") change();
      const error = await assertRejects(() => getFrom(runtime, artifact), ComputeError);
      assert(error.message.includes("has another content than when the artifact was made"), error.message);
      assertEquals(runs, when === "before" ? 0 : 1);
      assertEquals(exists(runtime.store.paths(artifact).record), false);
      const [end] = await readEnds(runtime.store, runtime.store.paths(artifact as Artifact));
      assertEquals(end?.lasting, true);
      Deno.removeSync(runtime.store.paths(artifact).home, { recursive: true });
    }
  });

  it("a file that is gone, or that nobody knows, fails the attempt with its name", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const gone = Lines({ data: file.known(A, join(rig.root, "gone")) });
    await assertRejects(
      () => getFrom(runtime, gone),
      ComputeError,
      `there is no such file on ${runtime.machine.self.host}`,
    );
    await assertRejects(
      () => getFrom(runtime, Lines({ data: file.known(B) })),
      ComputeError,
      "nobody knows where its file(02638299) is, only its content is known: make the artifact with file(path)",
    );
  });
});

function exists(path: string): boolean {
  try {
    return Deno.statSync(path) !== undefined;
  } catch {
    return false;
  }
}
