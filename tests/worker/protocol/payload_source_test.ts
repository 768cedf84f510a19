import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { ProtocolError, StoreError } from "../../../lib/core/errors.ts";
import { ARTIFACT } from "../../../lib/task/artifact/artifact.ts";
import { KeptArtifacts, keptTable } from "../../../lib/task/artifact/kept.ts";
import { decodeArtifact } from "../../../lib/task/artifact/reference.ts";
import { findTask } from "../../../lib/task/artifact/registry.ts";
import { writePayloads } from "../../../lib/worker/protocol/payload_files.ts";
import { PayloadSource } from "../../../lib/worker/protocol/payload_source.ts";
import { osError, Rig, testRuntime } from "../../rig.ts";
import { Sum } from "../../pool/fixtures/pipeline.ts";

const low = Sum({ id: "low" });
const middle = Sum({ id: "middle", of: [low] });
const top = Sum({ id: "top", of: [middle, low] });

describe("a source of payloads", () => {
  it("tells about an artifact and all below it, and reads each file once", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const dir = join(rig.root, "runs/r");
    await writePayloads(runtime, dir, [top]);
    const read: string[] = [];
    const { readText } = runtime.machine.files;
    runtime.machine.files.readText = (path) => {
      read.push(path);
      return readText(path);
    };
    const source = new PayloadSource(runtime, dir);
    const tell = await source.sourcesOf(middle);
    assertEquals([tell(middle.hash).dependencies, tell(low.hash).dependencies], [[low.hash], []]);
    assertEquals(JSON.parse(tell(low.hash).params).id, "low");
    assertThrows(() => tell(top.hash), Error, "not below");
    await source.sourcesOf(middle);
    assertEquals((await source.sourcesOf(top))(top.hash).dependencies, [middle.hash, low.hash]);
    assertEquals(read.length, 3);
  });

  it("tells of an artifact that can only be loaded what is known of it", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    const table = JSON.parse(keptTable([top])!);
    const foreign = new KeptArtifacts(table, () => undefined).artifact(top.name, top.hash);
    await writePayloads(runtime, rig.root, [foreign]);
    const tell = await new PayloadSource(runtime, rig.root).sourcesOf(foreign);
    assertEquals([tell(top.hash).kept, tell(low.hash).kept], [true, true]);
    assertEquals(JSON.parse(tell(middle.hash).params).identity.params.id, "middle");
    const decode = (tasks: typeof findTask) =>
      decodeArtifact(
        top.hash,
        new Map([top, middle, low].map(({ hash }) => {
          const { dependencies: _, ...payload } = tell(hash);
          return [hash, { ...payload, params: JSON.parse(payload.params) }] as const;
        })),
        tasks,
      );
    assertEquals(decode(findTask).params, top.params);
    assertEquals(decode(findTask)[ARTIFACT].loadOnly, undefined);
    const again = decode(() => undefined);
    assertEquals({ hash: again.hash, dependencies: again[ARTIFACT].dependencies.map(String) }, {
      hash: top.hash,
      dependencies: [`${middle}`, `${low}`],
    });
  });

  it("forgets beyond its limit, but not what it told about", async () => {
    await using rig = new Rig();
    const runtime = testRuntime(rig.root);
    await writePayloads(runtime, rig.root, [top]);
    const source = new PayloadSource(runtime, rig.root, 1);
    const tell = await source.sourcesOf(top);
    await source.sourcesOf(low);
    assertEquals(tell(middle.hash).dependencies, [low.hash]);
  });

  it("tells a missing payload from a file server that is away", async () => {
    await using rig = new Rig();
    const missing = new PayloadSource(testRuntime(rig.root), rig.root);
    await assertRejects(() => missing.sourcesOf(low), ProtocolError, "there is no such file");
    const readText = () => Promise.reject(osError("EIO"));
    const away = new PayloadSource(testRuntime(rig.root, { files: { readText } }), rig.root);
    await assertRejects(() => away.sourcesOf(low), StoreError, "EIO");
  });
});
