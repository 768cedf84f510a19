/** Stand-in for `jsr:@std/testing/bdd`: its nested describe/it, written by hand over `Deno.test`. @module */

/** The body of a test. */
export type TestBody = (t: Deno.TestContext) => void | Promise<void>;

/** What runs before or after tests. */
export type HookBody = () => void | Promise<void>;

/** Options of a test. */
export interface ItDefinition extends Omit<Deno.TestDefinition, "fn"> {
  /** The body of the test. */
  fn: TestBody;
}

/** Options of a group of tests. */
export interface DescribeDefinition extends Omit<Deno.TestDefinition, "fn"> {
  /** Registers the group's tests; must not be async. */
  fn?: () => void | undefined;
}

type Hooks = Record<"beforeAll" | "beforeEach" | "afterEach" | "afterAll", HookBody[]>;
type Suite = { options: Omit<Deno.TestDefinition, "fn">; steps: (Suite | ItDefinition)[]; hooks: Hooks };
type ItArgs = [ItDefinition] | [string, TestBody] | [string, Omit<ItDefinition, "name" | "fn">, TestBody];
type DescribeArgs =
  | [DescribeDefinition]
  | [string, NonNullable<DescribeDefinition["fn"]>]
  | [string, Omit<DescribeDefinition, "name" | "fn">, NonNullable<DescribeDefinition["fn"]>];

/** The group whose `describe` callback runs now, or the global one once a hook was added outside of any. */
let current: Suite | undefined;
/** Has a test been registered outside of any group? Then global hooks would come too late. */
let started = false;

const isSuite = (step: Suite | ItDefinition): step is Suite => "steps" in step;

function definition<D>(args: readonly unknown[]): D {
  const [first, second, third] = args;
  if (typeof first !== "string") return first as D;
  return (typeof second === "function"
    ? { name: first, fn: second }
    : { ...second as object, name: first, fn: third }) as D;
}

function makeSuite(options: Suite["options"]): Suite {
  return { options, steps: [], hooks: { beforeAll: [], beforeEach: [], afterEach: [], afterAll: [] } };
}

/** Is this step, or one below it, focused with `only`? */
function focused(step: Suite | ItDefinition): boolean {
  return isSuite(step) ? step.options.only === true || step.steps.some(focused) : step.only === true;
}

async function runHooks(hooks: readonly HookBody[]): Promise<void> {
  for (const hook of hooks) await hook();
}

/** Runs a body inside the `beforeEach` and `afterEach` of the groups around it, outermost first. */
async function runInside(around: readonly Suite[], body: () => void | Promise<void>): Promise<void> {
  const [suite, ...inner] = around;
  if (!suite) return await body();
  await runHooks(suite.hooks.beforeEach);
  try {
    await runInside(inner, body);
  } finally {
    await runHooks(suite.hooks.afterEach);
  }
}

async function runSuite(suite: Suite, outer: readonly Suite[], t: Deno.TestContext): Promise<void> {
  const around = [...outer, suite];
  const onlyFocused = suite.steps.some(focused);
  await runHooks(suite.hooks.beforeAll);
  try {
    for (const step of suite.steps) {
      if (onlyFocused && !focused(step)) continue;
      const { only: _only, permissions: _permissions, ...options } = isSuite(step) ? step.options : step;
      await t.step({
        ...options,
        fn: (t) => isSuite(step) ? runSuite(step, around, t) : runInside(around, () => step.fn(t)),
      });
    }
  } finally {
    await runHooks(suite.hooks.afterAll);
  }
}

/** What is left open when a test ends is its own affair, as in a newer Deno; in older ones that is not the default. */
const LENIENT = { sanitizeOps: false, sanitizeResources: false };

function register(suite: Suite): void {
  Deno.test({
    ...LENIENT,
    ...suite.options,
    ...(focused(suite) ? { only: true } : {}),
    fn: (t) => runSuite(suite, [], t),
  });
}

function addTest(args: readonly unknown[], extra: { only?: boolean; ignore?: boolean }): void {
  const test = { ...definition<ItDefinition>(args), ...extra };
  if (current) return void current.steps.push(test);
  started = true;
  Deno.test({ ...LENIENT, ...test });
}

function addSuite(args: readonly unknown[], extra: { only?: boolean; ignore?: boolean }): void {
  const { fn, ...options } = { ...definition<DescribeDefinition>(args), ...extra };
  const parent = current;
  const suite = makeSuite(options as Suite["options"]);
  current = suite;
  try {
    if (!options.ignore && fn?.() as unknown instanceof Promise) {
      throw new Error(
        'Returning a Promise from "describe" is not supported: tests must be defined synchronously',
      );
    }
  } finally {
    current = parent;
  }
  if (parent) return void parent.steps.push(suite);
  started = true;
  register(suite);
}

function addHook(name: keyof Hooks, hook: HookBody): void {
  if (!current) {
    if (started) throw new Error("Cannot add global hooks after a global test is registered");
    const global = current = makeSuite({ name: "global" });
    // Registered once the module was read, so that an `only` inside is known.
    queueMicrotask(() => register(global));
  }
  current.hooks[name].push(hook);
}

/** Registers a test. See https://jsr.io/@std/testing/doc/bdd/~/it. */
export interface It {
  /** Registers a test. */
  (...args: ItArgs): void;
  /** Registers a test that alone is run. */
  only(...args: ItArgs): void;
  /** Registers a test that is not run. */
  ignore(...args: ItArgs): void;
  /** Registers a test that is not run. */
  skip(...args: ItArgs): void;
}

/** Registers a group of tests. See https://jsr.io/@std/testing/doc/bdd/~/describe. */
export interface Describe {
  /** Registers a group of tests. */
  (...args: DescribeArgs): void;
  /** Registers a group that alone is run. */
  only(...args: DescribeArgs): void;
  /** Registers a group that is not run. */
  ignore(...args: DescribeArgs): void;
  /** Registers a group that is not run. */
  skip(...args: DescribeArgs): void;
}

/** See https://jsr.io/@std/testing/doc/bdd/~/it. */
export const it: It = Object.assign((...args: ItArgs) => addTest(args, {}), {
  only: (...args: ItArgs) => addTest(args, { only: true }),
  ignore: (...args: ItArgs) => addTest(args, { ignore: true }),
  skip: (...args: ItArgs) => addTest(args, { ignore: true }),
});

/** See https://jsr.io/@std/testing/doc/bdd/~/describe. */
export const describe: Describe = Object.assign((...args: DescribeArgs) => addSuite(args, {}), {
  only: (...args: DescribeArgs) => addSuite(args, { only: true }),
  ignore: (...args: DescribeArgs) => addSuite(args, { ignore: true }),
  skip: (...args: DescribeArgs) => addSuite(args, { ignore: true }),
});

/** Runs once before the tests of the group. */
export function beforeAll(fn: HookBody): void {
  addHook("beforeAll", fn);
}

/** Runs once after the tests of the group. */
export function afterAll(fn: HookBody): void {
  addHook("afterAll", fn);
}

/** Runs before each test of the group. */
export function beforeEach(fn: HookBody): void {
  addHook("beforeEach", fn);
}

/** Runs after each test of the group, also when it failed. */
export function afterEach(fn: HookBody): void {
  addHook("afterEach", fn);
}
