/**
 * Leaves a trace of one kind in one task and looks for it in the next; prints what both saw.
 * Arguments: how it is computed (`local`, `inline` or `get`) and the kind.
 */
import timers from "node:timers";
import process from "node:process";
import { type CreateContext, defineTask, get, runLocal, z } from "../../../mod.ts";

const scene = Deno.env.get("SCENE")!;
const other = `${scene}/other`;
// What modules set is how their process is to be.
Deno.env.set("OF_THE_MODULE", "kept");
Deno.env.set("ALSO_OF_THE_MODULE", "kept");
Object.assign(globalThis, { ofTheModule: "kept" });

/** `"clean"`, or what was seen. */
type Look = () => unknown;
interface Trace {
  leave: (ctx: CreateContext) => unknown;
  look: Look;
}

// deno-lint-ignore no-explicit-any -- tasks that behave badly
const all = globalThis as any;
const { chdir } = Deno;
const never = () => {};
function hash(text: string): number {
  let sum = 0;
  for (const char of text) sum = (sum * 31 + char.charCodeAt(0)) | 0;
  return sum;
}
/** A duration that tells this very program from all others, and a look for it. */
const long = `9${Math.abs(hash(scene))}`;
const alive: Look = () => {
  const { stdout } = new Deno.Command("pgrep", { args: ["-f", `sleep ${long}$`] }).outputSync();
  const pids = new TextDecoder().decode(stdout).trim();
  return pids === "" ? "clean" : `it runs still: ${pids}`;
};
const value = (look: Look, clean: unknown): Look => () => look() === clean ? "clean" : look();
const ticks = (): unknown => {
  try {
    return Deno.statSync(`${scene}/ticked`).size === 0 ? "clean" : "ticked";
  } catch {
    return "clean";
  }
};
const isLooking = () => {
  try {
    return Deno.statSync(`${scene}/looking`).isFile;
  } catch {
    return false;
  }
};
/** Runs for nobody once the next task runs. */
const tick = () => {
  if (isLooking()) Deno.writeTextFileSync(`${scene}/ticked`, "x", { append: true });
};

const traces: Record<string, Trace> = {
  chdir: { leave: () => Deno.chdir(other), look: value(() => Deno.readTextFileSync("number.txt"), "1") },
  nodeChdir: {
    leave: () => process.chdir(other),
    look: value(() => Deno.readTextFileSync("number.txt"), "1"),
  },
  chdirThrows: {
    leave: ({ attempt }) => {
      if (attempt > 1) return;
      chdir(other);
      throw new Error("after chdir");
    },
    look: value(() => Deno.readTextFileSync("number.txt"), "1"),
  },
  folderRemoved: {
    leave: () => {
      Deno.mkdirSync(`${scene}/gone`);
      Deno.chdir(`${scene}/gone`);
      Deno.removeSync(`${scene}/gone`);
    },
    look: value(() => Deno.readTextFileSync("number.txt"), "1"),
  },
  envSet: { leave: () => Deno.env.set("TRACE", "1"), look: value(() => Deno.env.get("TRACE"), undefined) },
  envChanged: {
    leave: () => Deno.env.set("OF_THE_MODULE", "changed"),
    look: value(() => Deno.env.get("OF_THE_MODULE"), "kept"),
  },
  envDeleted: {
    leave: () => Deno.env.delete("ALSO_OF_THE_MODULE"),
    look: value(() => Deno.env.get("ALSO_OF_THE_MODULE"), "kept"),
  },
  nodeEnv: {
    leave: () => void (process.env.TRACE = "1"),
    look: value(() => Deno.env.get("TRACE"), undefined),
  },
  umask: { leave: () => void Deno.umask(0o000), look: value(() => Deno.umask(), 0o022) },
  exitCode: { leave: () => void (Deno.exitCode = 3), look: value(() => Deno.exitCode, 0) },
  stackTraceLimit: {
    leave: () => void (Error.stackTraceLimit = 1),
    look: value(() => Error.stackTraceLimit, 10),
  },
  globalAdded: { leave: () => void (all.trace = 1), look: value(() => all.trace, undefined) },
  globalChanged: { leave: () => void (all.ofTheModule = 1), look: value(() => all.ofTheModule, "kept") },
  globalDeleted: { leave: () => void delete all.ofTheModule, look: value(() => all.ofTheModule, "kept") },
  fetchMocked: { leave: () => void (all.fetch = never), look: value(() => all.fetch === never, false) },
  arrayMap: {
    leave: () => void (Array.prototype.map = () => [99]),
    look: value(() => [1].map((x) => x)[0], 1),
  },
  prototypeAdded: {
    leave: () => void Object.defineProperty(Array.prototype, "trace", { value: 1, configurable: true }),
    look: value(() => all.Array.prototype.trace, undefined),
  },
  enumerable: {
    leave: () => void (all.Object.prototype.trace = 1),
    look: value(() => all.trace, undefined),
  },
  jsonStringify: {
    leave: () => void (JSON.stringify = () => "99"),
    look: value(() => JSON.stringify(1), "1"),
  },
  dateNow: { leave: () => void (Date.now = () => 1), look: value(() => Date.now() === 1, false) },
  random: { leave: () => void (Math.random = () => 0.5), look: value(() => Math.random() === 0.5, false) },
  sizeGetter: {
    leave: () => void Object.defineProperty(Map.prototype, "size", { get: () => 99, configurable: true }),
    look: value(() => new Map().size, 0),
  },
  iterator: {
    leave: () => void (all.Array.prototype[Symbol.iterator] = function* () {}),
    look: value(() => [...[1]].length, 1),
  },
  then: {
    leave: () => void (all.Promise.prototype.trace = 1),
    look: value(() => all.Promise.prototype.trace, undefined),
  },
  typedArray: {
    leave: () => void (all.Object.getPrototypeOf(Uint8Array.prototype).trace = 1),
    look: value(() => all.Uint8Array.prototype.trace, undefined),
  },
  frozen: {
    leave: () => void Object.freeze(Set.prototype),
    look: value(() => Object.isFrozen(Set.prototype), false),
  },
  consoleReplaced: {
    leave: () => void (console.log = never),
    look: value(() => console.log === never, false),
  },
  denoReplaced: {
    leave: () => void (all.Deno.readTextFile = never),
    look: value(() => all.Deno.readTextFile === never, false),
  },
  timeout: { leave: () => void setTimeout(tick, 100), look: ticks },
  interval: { leave: () => void setInterval(tick, 20), look: ticks },
  nodeTimer: { leave: () => void timers.setTimeout(tick, 100), look: ticks },
  eventListener: {
    leave: () => addEventListener("trace", tick),
    look: () => {
      dispatchEvent(new Event("trace"));
      return ticks();
    },
  },
  handler: {
    leave: () => void (all.onunhandledrejection = tick),
    look: value(() => all.onunhandledrejection, null),
  },
  processListener: {
    leave: () => void process.on("warning", tick),
    look: value(() => process.listeners("warning").includes(tick as never), false),
  },
  signalListener: {
    leave: () => Deno.addSignalListener("SIGUSR2", tick),
    // Without a listener the signal would end the process.
    look: async () => {
      const keep = () => {};
      Deno.addSignalListener("SIGUSR2", keep);
      Deno.kill(Deno.pid, "SIGUSR2");
      await new Promise((resolve) => setTimeout(resolve, 100));
      Deno.removeSignalListener("SIGUSR2", keep);
      return ticks();
    },
  },
  webWorker: {
    leave: () => void new Worker(`data:text/javascript,setInterval(()=>{},100)`, { type: "module" }),
    look: () => {
      const names = [...Deno.readDirSync("/proc/self/task")].map(({ name }) =>
        Deno.readTextFileSync(`/proc/self/task/${name}/comm`).trim()
      );
      return names.some((name) => /^worker-/.test(name)) ? names.join(" ") : "clean";
    },
  },
  server: {
    leave: () => void Deno.serve({ port: 0, onListen: never }, () => new Response("x")),
    look: () => "clean",
  },
  run: { leave: ({ run }) => run(["sh", "-c", `sleep ${long} &`]), look: alive },
  runHoldsNothing: { leave: ({ run }) => run(["sh", "-c", `sleep ${long} >/dev/null 2>&1 &`]), look: alive },
  runNohup: { leave: ({ run }) => run(["sh", "-c", `nohup sleep ${long} >/dev/null 2>&1 &`]), look: alive },
  runSetsid: { leave: ({ run }) => run(["sh", "-c", `setsid sleep ${long} >/dev/null 2>&1 &`]), look: alive },
  runTwice: {
    leave: ({ run }) => run(["sh", "-c", `(setsid sh -c 'sleep ${long} &' &) >/dev/null 2>&1`]),
    look: alive,
  },
  runCleared: {
    leave: ({ run }) => run(["sh", "-c", `env -i sleep ${long} >/dev/null 2>&1 &`]),
    look: alive,
  },
  runDeaf: {
    leave: ({ run }) => run(["sh", "-c", `trap '' TERM HUP; setsid sleep ${long} >/dev/null 2>&1 &`]),
    look: alive,
  },
  runNotAwaited: { leave: ({ run }) => void run(["sleep", long]), look: alive },
  command: { leave: () => void new Deno.Command("sleep", { args: [long] }).spawn().unref(), look: alive },
  commandDetached: {
    leave: () => void new Deno.Command("sleep", { args: [long], detached: true }).spawn().unref(),
    look: alive,
  },
  commandShell: {
    leave: () =>
      void new Deno.Command("sh", { args: ["-c", `sleep ${long} >/dev/null 2>&1 &`] }).outputSync(),
    look: alive,
  },
  nodeSpawn: {
    leave: async () =>
      void (await import("node:child_process")).spawn("sleep", [long], { stdio: "ignore" }).unref(),
    look: alive,
  },
};

const [mode, kind] = Deno.args;
const about = z.object({ kind: z.string(), n: z.number().default(0) });
const Leave = defineTask({
  name: "traces/Leave",
  params: about,
  create: async (ctx) => {
    await traces[ctx.params.kind]!.leave(ctx);
    return Deno.pid;
  },
});
const Look = defineTask({
  name: "traces/Look",
  params: z.object({ kind: z.string(), after: Leave.schema }),
  dependencies: ({ after }) => [after],
  create: async ({ params }) => {
    Deno.writeTextFileSync(`${scene}/looking`, "");
    const seen = await traces[params.kind]!.look();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const later = await traces[params.kind]!.look();
    return { seen, later, pid: Deno.pid, left: await get(params.after) };
  },
});

if (import.meta.main) {
  const artifact = Look({ kind: kind!, after: Leave({ kind: kind! }) });
  try {
    if (mode === "get") await get(Leave({ kind: kind! }));
    else await runLocal(artifact, { maxWorkers: 1, ...(mode === "inline" ? { isolation: "inline" } : {}) });
    console.log(JSON.stringify(await get(artifact)));
  } catch (error) {
    console.log(JSON.stringify({ error: (error as Error).message }));
  }
  Deno.exit(0);
}
