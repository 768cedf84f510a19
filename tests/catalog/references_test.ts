import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { dependentsOf, namedArtifacts } from "../../lib/catalog/references.ts";
import { artifactPaths } from "../../lib/store/layout.ts";
import type { Hash } from "../../lib/core/hash.ts";
import { Rig, testRuntime } from "../rig.ts";

const [a, b, c] = ["a", "b", "c"].map((digit) => digit.repeat(32) as Hash) as [Hash, Hash, Hash];
const ref = (hash: Hash) => ({ $artifact: ["toy/Leaf", hash] });

describe("namedArtifacts()", () => {
  it("finds each artifact once, in its order, however deep", () => {
    let deep: unknown = ref(c);
    for (let level = 0; level < 100_000; level++) deep = [deep];
    const found = namedArtifacts({ x: ref(b), y: [ref(a), ref(b)], deep });
    assertEquals(found.map(({ hash }) => hash), [b, a, c]);
    assertEquals(namedArtifacts({ $artifact: "mine", more: 1 }), []);
    assertEquals(namedArtifacts(undefined), []);
  });
});

describe("dependentsOf()", () => {
  it("finds the results whose parameters or dependencies name an artifact, and none that only mention it", async () => {
    await using rig = new Rig();
    const { store } = testRuntime(rig.root);
    const write = (name: string, hash: Hash, text: string) => {
      const { taskDir, record } = artifactPaths(rig.root, { name, hash });
      Deno.mkdirSync(taskDir, { recursive: true });
      Deno.writeTextFileSync(record, text);
    };
    write("toy/Leaf", a, JSON.stringify({ identity: { params: {} } }));
    write("toy/Above", b, JSON.stringify({ identity: { params: { leaf: ref(a) } } }));
    write("toy/Declares", b, JSON.stringify({ identity: { params: {}, dependencies: [ref(a)] } }));
    write("toy/Mentions", b, JSON.stringify({ identity: { params: { text: a } }, value: ref(a) }));
    write("toy/Torn", b, `{"identity":{"params":{"leaf":${JSON.stringify(ref(a))}`);
    assertEquals(await dependentsOf(store, a), [{ name: "toy/Above", hash: b }, {
      name: "toy/Declares",
      hash: b,
    }]);
    assertEquals(await dependentsOf(store, c), []);
  });
});
