/**
 * For each kind of trace, one task leaves it and the next looks for it; prints what was seen.
 * Its argument is how it is computed: `local`, `inline` or `get`. `KINDS` names the kinds, where not all.
 */
import timers from "node:timers";
import process from "node:process";
import { type Artifact, type CreateContext, defineTask, get, runLocal, z } from "../../../mod.ts";

const scene = Deno.env.get("SCENE")!;
const other = `${scene}/other`;
// What modules set is how their process is to be.
Deno.env.set("OF_THE_MODULE", "kept");
Deno.env.set("ALSO_OF_THE_MODULE", "kept");
Object.assign(globalThis, { ofTheModule: "kept" });
addEventListener("online", () => {});
const again = () => Deno.unrefTimer(setTimeout(again, 1));
again();

interface Trace {
  leave: (ctx: CreateContext) => unknown;
  /** Returns `"clean"`, or what is seen. */
  look: () => unknown;
  /** Is it to be looked for a moment later, too? */
  later?: boolean;
}

// deno-lint-ignore no-explicit-any -- tasks that behave badly
const all = globalThis as any;
const { chdir } = Deno;
const never = () => {};
/** The kind that is computed. */
let kind = "";

/** A duration that tells this very program from all others, and a look for it. */
const long = (): string => {
  let sum = 0;
  for (const char of `${scene} ${kind}`) sum = (sum * 31 + char.charCodeAt(0)) | 0;
  return `9${Math.abs(sum)}`;
};
const alive = (): unknown => {
  const { stdout } = new Deno.Command("pgrep", { args: ["-f", `sleep ${long()}$`] }).outputSync();
  const pids = new TextDecoder().decode(stdout).trim();
  return pids === "" ? "clean" : `it runs still: ${pids}`;
};
const value = (look: () => unknown, clean: unknown) => () => look() === clean ? "clean" : look();
const exists = (path: string): boolean => {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
};
const ticked = () => exists(`${scene}/ticked-${kind}`) ? "ticked" : "clean";
/** Does something once the next task runs. */
const ticker = () => {
  const mine = kind;
  return () => {
    if (exists(`${scene}/looking-${mine}`)) Deno.writeTextFileSync(`${scene}/ticked-${mine}`, "");
  };
};
const number = value(() => Deno.readTextFileSync("number.txt"), "1");

const traces: Record<string, Trace> = {
  chdir: { leave: () => Deno.chdir(other), look: number },
  nodeChdir: {
    leave: () => process.chdir(other),
    look: number,
  },
  chdirThrows: {
    leave: ({ attempt }) => {
      if (attempt > 1) return;
      chdir(other);
      throw new Error("after chdir");
    },
    look: number,
  },
  folderRemoved: {
    leave: () => {
      Deno.mkdirSync(`${scene}/gone`);
      Deno.chdir(`${scene}/gone`);
      Deno.removeSync(`${scene}/gone`);
    },
    look: number,
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
    leave: () => void (all.Array.prototype.map = () => [99]),
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
  timeout: { leave: () => void setTimeout(ticker(), 100), look: ticked, later: true },
  interval: { leave: () => void setInterval(ticker(), 20), look: ticked, later: true },
  nodeTimer: { leave: () => void timers.setTimeout(ticker(), 100), look: ticked, later: true },
  eventListener: {
    leave: () => addEventListener("trace", ticker()),
    look: () => {
      dispatchEvent(new Event("trace"));
      return ticked();
    },
  },
  handler: {
    leave: () => void (all.onunhandledrejection = never),
    look: value(() => all.onunhandledrejection, null),
  },
  processListener: {
    leave: () => void process.on("warning", never),
    look: value(() => process.listeners("warning").includes(never), false),
  },
  signalListener: {
    leave: () => Deno.addSignalListener("SIGUSR2", ticker()),
    // Without a listener the signal would end the process.
    look: async () => {
      const keep = () => {};
      Deno.addSignalListener("SIGUSR2", keep);
      Deno.kill(Deno.pid, "SIGUSR2");
      await new Promise((resolve) => setTimeout(resolve, 100));
      Deno.removeSignalListener("SIGUSR2", keep);
      return ticked();
    },
  },
  webWorker: {
    leave: () => {
      const code = `setInterval(() => {
        try { Deno.statSync("${scene}/looking-webWorker"), Deno.writeTextFileSync("${scene}/ticked-webWorker", ""); }
        catch { /* not yet */ }
      }, 20)`;
      new Worker(`data:text/javascript,${encodeURIComponent(code)}`, { type: "module" });
    },
    look: ticked,
    later: true,
  },
  server: {
    leave: () => {
      const { port } = Deno.serve({ port: 0, onListen: never }, () => new Response("x")).addr as Deno.NetAddr;
      Deno.writeTextFileSync(`${scene}/port`, String(port));
    },
    look: async () => {
      const port = Number(Deno.readTextFileSync(`${scene}/port`));
      return await Deno.connect({ port }).then((it) => (it.close(), "it listens still"), () => "clean");
    },
  },
  run: { leave: ({ run }) => run(["sh", "-c", `sleep ${long()} &`]), look: alive },
  runHoldsNothing: {
    leave: ({ run }) => run(["sh", "-c", `sleep ${long()} >/dev/null 2>&1 &`]),
    look: alive,
  },
  runNohup: { leave: ({ run }) => run(["sh", "-c", `nohup sleep ${long()} >/dev/null 2>&1 &`]), look: alive },
  runSetsid: {
    leave: ({ run }) => run(["sh", "-c", `setsid sleep ${long()} >/dev/null 2>&1 &`]),
    look: alive,
  },
  runTwice: {
    leave: ({ run }) => run(["sh", "-c", `(setsid sh -c 'sleep ${long()} &' &) >/dev/null 2>&1`]),
    look: alive,
  },
  runCleared: {
    leave: ({ run }) => run(["sh", "-c", `env -i sleep ${long()} >/dev/null 2>&1 &`]),
    look: alive,
  },
  runDeaf: {
    leave: ({ run }) => run(["sh", "-c", `trap '' TERM HUP; setsid sleep ${long()} >/dev/null 2>&1 &`]),
    look: alive,
  },
  runNotAwaited: { leave: ({ run }) => void run(["sleep", long()]), look: alive },
  command: { leave: () => void new Deno.Command("sleep", { args: [long()] }).spawn().unref(), look: alive },
  commandDetached: {
    leave: () => void new Deno.Command("sleep", { args: [long()], detached: true }).spawn().unref(),
    look: alive,
  },
  commandShell: {
    leave: () =>
      void new Deno.Command("sh", { args: ["-c", `sleep ${long()} >/dev/null 2>&1 &`] }).outputSync(),
    look: alive,
  },
  nodeSpawn: {
    leave: async () =>
      void (await import("node:child_process")).spawn("sleep", [long()], { stdio: "ignore" }).unref(),
    look: alive,
  },
};

const [mode] = Deno.args;
const kinds = Deno.env.get("KINDS")?.split(" ") ?? Object.keys(traces);

const Leave = defineTask({
  name: "traces/Leave",
  params: z.object({ kind: z.string(), chained: z.boolean() }),
  // One kind after another, so that none is hidden by a process that was replaced for another.
  dependencies: ({ kind, chained }): Artifact[] => {
    const before = kinds[kinds.indexOf(kind) - 1];
    return chained && before !== undefined ? [look(before, chained)] : [];
  },
  create: async (ctx) => {
    kind = ctx.params.kind;
    await traces[kind]!.leave(ctx);
    return Deno.pid;
  },
});
const Look = defineTask({
  name: "traces/Look",
  params: z.object({ after: Leave.schema }),
  dependencies: ({ after }) => [after],
  create: async ({ params }) => {
    kind = params.after.params.kind;
    Deno.writeTextFileSync(`${scene}/looking-${kind}`, "");
    const { look, later } = traces[kind]!;
    const seen = await look();
    if (seen !== "clean" || !later) return { seen, pid: Deno.pid };
    await new Promise((resolve) => setTimeout(resolve, 300));
    return { seen: await look(), pid: Deno.pid };
  },
});

function look(kind: string, chained: boolean) {
  return Look({ after: Leave({ kind, chained }) });
}

if (import.meta.main) {
  const roots = kinds.map((kind) => look(kind, mode === "local"));
  const options = mode === "inline" ? { isolation: "inline" } as const : {};
  if (mode !== "get") {
    await runLocal(roots, { ...options, maxWorkers: 1, keepGoing: true, maxComputeRetries: 1 }).catch(
      () => {},
    );
  }
  const report: Record<string, unknown> = {};
  for (const root of roots) {
    const { after } = root.params;
    try {
      const left = await get(after);
      const { seen, pid } = await get(root);
      report[after.params.kind] = { seen, replaced: pid !== left, hash: after.hash };
    } catch (error) {
      report[after.params.kind] = { error: (error as Error).message, hash: after.hash };
    }
  }
  console.log(JSON.stringify(report));
  Deno.exit(0);
}
