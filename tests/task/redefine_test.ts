import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import { ExecutionError, ValidationError } from "../../lib/core/errors.ts";
import type { TaskDefinition } from "../../lib/task/artifact/artifact.ts";
import { refuseLoadOnly } from "../../lib/task/artifact/load_only.ts";
import { findTask, outdate, registerTask } from "../../lib/task/artifact/registry.ts";
import { defineTask } from "../../lib/task/define.ts";
import { checkDefinition, type TaskOptions } from "../../lib/task/definition.ts";
import { changedOptions, definitionDigest } from "../../lib/task/definition_text.ts";

type Options = Partial<TaskOptions<z.ZodObject, unknown>>;

let made = 0;

/** A definition that nothing knows yet. */
function definition(options: Options = {}, module?: string, place?: string): TaskDefinition {
  const all = { name: "redefine/x", params: z.object({ n: z.int() }), create: () => 1, ...options };
  return checkDefinition(all as TaskOptions<z.ZodObject, unknown>, module, place);
}

/** Registers one after the other under a name of their own, and says what the second replaced. */
function register(session: boolean, ...[older, newer]: [module?: string, place?: string][]): boolean {
  const name = `redefine/${made++}`;
  const first = definition({ name }, ...older!);
  const second = definition({ name }, ...newer!);
  registerTask(first, session);
  assertEquals(registerTask(second, session), first);
  return findTask(name) === second;
}

const A = "file:///home/me/a.ts";
const B = "file:///home/me/b.ts";

describe("registerTask()", () => {
  it("lets the newer definition count where a person types in", () => {
    assert(register(true, [], []));
    assert(register(true, [A], []));
    assert(register(true, [], [A]));
    assert(register(true, [A, `${A}:1:1`], [`${A}?2`, `${A}?2:9:1`]));
  });

  it("takes a module that is loaded again from the same place anywhere", () => {
    assert(register(false, [A, `${A}:3:19`], [`${A}?v=1#x`, `${A}?v=1#x:3:19`]));
  });

  it("refuses all others, also where a person types in", () => {
    for (const session of [true, false]) {
      assertThrows(() => register(session, [A, `${A}:1:1`], [B, `${B}:1:1`]), ValidationError, B);
    }
    assertThrows(() => register(false, [], []), ValidationError, "twice");
    assertThrows(() => register(false, [A, `${A}:1:1`], [A, `${A}:1:1`]), ValidationError, "twice");
    assertThrows(() => register(false, [A, `${A}:1:1`], [`${A}?2`, `${A}?2:2:1`]), ValidationError);
  });
});

describe("changedOptions()", () => {
  const Other = defineTask({ name: "redefine/Other", params: z.object({}), create: () => 1 });
  const Another = defineTask({ name: "redefine/Another", params: z.object({}), create: () => 1 });
  const params = () =>
    z.object({
      lr: z.number().min(0).default(1e-3),
      of: Other.schema.optional(),
      on: z.array(z.enum(["a", "b"])).refine((list) => list.length < 3),
      get self() {
        return z.string().optional();
      },
    });

  it("finds none in what is written the same", () => {
    const [one, two] = [definition({ params: params() }, A), definition({ params: params() }, B)];
    assertEquals(changedOptions(one, two), []);
    assertEquals(definitionDigest(one), definitionDigest(two));
  });

  it("names what differs: code, schemas at any depth, and other options", () => {
    const base = definition({ params: params() });
    const changes: [string, Options][] = [
      ["create", { create: () => 2 }],
      ["load", { load: ({ value }) => value }],
      ["version", { version: 2 }],
      ["params", { params: params().extend({ lr: z.number().min(0).default(2e-3) }) }],
      ["params", { params: params().extend({ lr: z.number().min(1).default(1e-3) }) }],
      ["params", { params: params().extend({ of: Another.schema.optional() }) }],
      ["params", { params: params().extend({ on: z.array(z.enum(["a", "c"])) }) }],
    ];
    for (const [option, change] of changes) {
      const changed = definition({ params: params(), ...change });
      assertEquals(changedOptions(base, changed), [option], Deno.inspect(change));
      assert(definitionDigest(base) !== definitionDigest(changed));
    }
  });
});

describe("outdate()", () => {
  it("leaves artifacts of the older definition to be loaded only", () => {
    const Task = defineTask({ name: "redefine/Outdated", params: z.object({}), create: () => 1 });
    const artifact = Task();
    refuseLoadOnly(artifact);
    outdate(Task.definition);
    assertThrows(() => refuseLoadOnly(artifact), ExecutionError, "'redefine/Outdated' has been defined anew");
  });
});
