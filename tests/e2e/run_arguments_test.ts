import { assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { Scene } from "./run_rig.ts";

describe("what runLocal() is called with", () => {
  it("[] is a run with nothing to do; bad roots, cycles and bad options are errors", async () => {
    await using scene = await Scene.make();
    const script = await scene.write("arguments.ts", ARGUMENTS);
    const { stdout, stderr, code } = await scene.spawn([script]).ended;
    assertEquals(code, 0, stderr);
    const lines = stdout.trimEnd().split("\n");
    const expected: [string, RegExp][] = [
      ["nothing", /^0 0 0$/],
      ["undefined", /^ValidationError: .*roots.*undefined/],
      ["text", /^ValidationError: .*roots/],
      ["task", /^ValidationError: .*(roots|task applied)/],
      ["parameters", /^ValidationError: .*roots\[1\].*x: 1/],
      ["cycle", /^ValidationError: .*mod\/Cycle\(.*0.*\) -> mod\/Cycle\(.*1.*\) -> mod\/Cycle\(.*0.*\)/],
      ["cycle of hashes", /^ValidationError: .*mod\/Self\((\w+)\) -> mod\/Self\(\1\) is a cycle/],
      ["plan of a cycle", /^ValidationError: .*is a cycle/],
      ["isolation", /^ValidationError: .*isolation.*inline/],
      ["force", /^ValidationError: .*force/],
      ["a listener that throws", /^1 1 0$/],
    ];
    for (const [index, [name, pattern]] of expected.entries()) {
      assertEquals(lines[index]?.split("| ")[0], name);
      assertMatch(lines[index]!.split("| ")[1]!, pattern);
    }
  });
});

const ARGUMENTS = `
import { type Artifact, defineTask, plan, runLocal, type RunLocalOptions, z } from "@furu/furu";
const A = defineTask({ name: "mod/A", params: z.object({ x: z.number() }), create: ({ params }) => params.x });
const Cycle = defineTask({
  name: "mod/Cycle",
  params: z.object({ x: z.number() }),
  dependencies: ({ x }): Artifact[] => [Cycle({ x: 1 - x })],
  create: (): number => 0,
});
const Self = defineTask({
  name: "mod/Self",
  params: z.object({ x: z.number(), beside: z.array(z.custom<Artifact>()).default([]) }),
  unhashed: ["beside"],
  create: (): number => 0,
});
async function say(name: string, roots: unknown, options: RunLocalOptions = {}, call = runLocal as unknown): Promise<void> {
  try {
    const run = call as (roots: unknown, options: unknown) => Promise<{ nodes: number; computed: number; cached: number }>;
    const { nodes, computed, cached } = await run(typeof roots === "function" && roots !== A ? roots() : roots, call === plan ? options : { progress: "none", ...options });
    console.log(name + "| " + [nodes, computed, cached].join(" "));
  } catch (error) {
    console.log(name + "| " + \`\${(error as Error).name}: \${(error as Error).message}\`.replaceAll("\\n", " "));
  }
}
if (import.meta.main) {
  await say("nothing", []);
  await say("undefined", undefined);
  await say("text", "mod/A");
  await say("task", A);
  await say("parameters", [A({ x: 1 }), { x: 1 }]);
  await say("cycle", () => Cycle({ x: 0 }));
  const self = Self({ x: 1, beside: [Self({ x: 1 })] });
  await say("cycle of hashes", self);
  await say("plan of a cycle", self, {}, plan);
  await say("isolation", A({ x: 1 }), { isolation: "inlin" as never });
  await say("force", A({ x: 1 }), { force: "mod/A" as never });
  await say("a listener that throws", A({ x: 2 }), { onEvent: () => { throw new Error("listener"); } });
}
`;

describe("what a worker is given", () => {
  it("are the parameters as they were parsed once, whatever they hold, and artifacts in all of them", async () => {
    await using scene = await Scene.make();
    const script = await scene.write("parameters.ts", PARAMETERS);
    const { code, stdout, stderr } = await scene.spawn([script]).ended;
    assertEquals({ code, stdout }, { code: 0, stdout: "true 5\ntrue 0\n" }, stderr);
  });
});

const PARAMETERS = `
import { type Artifact, defineTask, get, runLocal, z } from "@furu/furu";
const Low = defineTask({ name: "mod/Low", params: z.object({ x: z.number() }), create: ({ params }) => params.x });
const params = z.object({
  twice: z.number().transform((x) => 2 * x),
  text: z.string().default("preset"),
  big: z.bigint(), date: z.date(), bytes: z.instanceof(Uint8Array), odd: z.string(),
  map: z.map(z.string(), Low.schema), set: z.set(z.number()),
  before: z.array(Low.schema).default([]),
  where: z.string(), beside: Low.schema,
});
const seen = (p: z.output<typeof params>) =>
  Deno.inspect([p.twice, p.text, p.big, p.date, p.bytes, p.odd, p.set, p.where, p.before.length, [...p.map.keys()]]);
const Top = defineTask({
  name: "mod/Top", params, unhashed: ["where", "beside"], legacy: { before: [] },
  create: async ({ params }) => {
    const below = [...params.map.values(), ...params.before, params.beside];
    const sum = (await Promise.all(below.map((a) => get(a)))).reduce((a, b) => a + b, 0);
    return { seen: seen(params), sum, values: new Float64Array([1, NaN]), nothing: undefined };
  },
});
const given = {
  twice: 2, big: 2n ** 70n, date: new Date(0), bytes: new Uint8Array([1, 2]), odd: "\\ud800 $artifact",
  map: new Map([["$k", Low({ x: 1 })]]), set: new Set([3, 1, 2]), where: "here", beside: Low({ x: 2 }),
};
const roots = [Top(given), Top({ ...given, twice: 3, before: [Low({ x: 3 }), Low({ x: 1 })] })];
if (import.meta.main) {
  for (let turn = 0; turn < 2; turn++) {
    const { computed } = await runLocal(roots, { progress: "none", maxComputeRetries: 0 });
    const values = await Promise.all(roots.map((root) => get(root)));
    const good = values.every(({ seen: text, values }, i) => text === seen(roots[i]!.params) && Number.isNaN(values[1]));
    console.log(good && values[0]!.sum === 3 && values[1]!.sum === 7, computed);
  }
}
`;
