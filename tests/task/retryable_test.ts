import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { z } from "zod";
import type { AttemptEnd } from "../../lib/core/attempt_end.ts";
import { PermanentError } from "../../lib/core/errors.ts";
import { failedEnd } from "../../lib/run/attempt_end.ts";
import type { Artifact } from "../../lib/task/artifact/artifact.ts";
import { defineTask } from "../../lib/task/define.ts";
import { FirstWait, judgeThrown } from "../../lib/task/retryable.ts";

const thrownBy = async (code: () => unknown): Promise<{ error: unknown; early: boolean }> => {
  const wait = new FirstWait();
  try {
    await wait.around(code);
    throw new Error("it did not throw");
  } catch (error) {
    return { error, early: wait.threwBefore };
  }
};
const fail = (error: unknown) => {
  throw error;
};

describe("FirstWait", () => {
  const rows: [string, () => unknown, boolean][] = [
    ["thrown at once", () => fail(1), true],
    ["an async function before its first wait", async () => await fail(1), true],
    ["a promise that is rejected already", () => Promise.reject(1), true],
    ["after a wait for nothing", async () => (await undefined, fail(1)), false],
    ["after a timer", async () => (await new Promise((then) => setTimeout(then)), fail(1)), false],
    ["a wait for what rejects", async () => await Promise.reject(1), false],
  ];
  for (const [name, code, early] of rows) {
    it(`tells ${early ? "early" : "late"}: ${name}`, async () =>
      assertEquals((await thrownBy(code)).early, early));
  }
});

describe("judgeThrown()", () => {
  let made = 0;
  const task = (options: object = {}): Artifact =>
    defineTask({ name: `retryable/T${++made}`, params: z.object({}), create: () => 1, ...options })();
  const judged = (error: unknown, { early = true, options }: { early?: boolean; options?: object } = {}) => {
    const end: AttemptEnd = judgeThrown(task(options), error, failedEnd(error), early);
    return end.outcome === "failed" ? { lasting: end.lasting, text: end.error } : undefined;
  };

  it("takes errors of code that were thrown before the first wait for what stays", () => {
    const json = (() => {
      try {
        return JSON.parse("[");
      } catch (error) {
        return error;
      }
    })();
    const coded = Object.assign(new TypeError("x"), { code: "EIO" });
    const rows: [unknown, boolean, true | undefined][] = [
      [new TypeError("x is not a function"), true, true],
      [new TypeError("x is not a function"), false, undefined],
      [new ReferenceError("x is not defined"), true, true],
      [new RangeError("Maximum call stack size exceeded"), true, true],
      [new RangeError("Array buffer allocation failed"), true, undefined],
      [z.object({ a: z.string() }).safeParse({}).error, true, true],
      [json, true, undefined],
      [coded, true, undefined],
      [Object.assign(new TypeError("Module not found"), { code: "ERR_MODULE_NOT_FOUND" }), false, true],
      [new Error("busy"), true, undefined],
      ["a word", true, undefined],
    ];
    for (const [error, early, lasting] of rows) {
      assertEquals(judged(error, { early })?.lasting, lasting, `${error} ${early}`);
    }
    assertEquals(
      judged(new TypeError("no"))?.text,
      "TypeError: no\nnot tried again: 'create' threw it before it waited for anything, and would again",
    );
  });

  it("asks the task's own function, which counts more than what furu thinks", () => {
    const options = { retryable: (error: unknown) => !/quota/.test(`${error}`) };
    assertEquals(judged(new Error("quota"), { options }), {
      lasting: true,
      text: "quota\nnot tried again: 'retryable' of its task says so",
    });
    assertEquals(judged(new TypeError("x"), { options }), { lasting: undefined, text: "TypeError: x" });
    let asked = 0;
    const counts = { retryable: () => ++asked > 0 };
    assertEquals(
      judged(new Error("x", { cause: new PermanentError("y") }), { options: counts })?.lasting,
      true,
    );
    assertEquals(asked, 0);
  });

  it("does not try again, and says why, where that function throws or returns no boolean", () => {
    const throws = { retryable: () => fail(new Error("oops")) };
    assertEquals(judged(new Error("x"), { options: throws }), {
      lasting: true,
      text: "x\nnot tried again: 'retryable' of its task threw: oops",
    });
    const promises = { retryable: async () => await Promise.resolve(true) };
    assertEquals(
      judged(new Error("x"), { options: promises })?.text,
      "x\nnot tried again: 'retryable' of its task must return true or false: it returned Promise { <pending> }",
    );
  });
});
