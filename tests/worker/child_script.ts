/** A computing process for the tests: what it computes is the name of its task. */
import { takeComputeOrder } from "../../lib/core/environment.ts";
import { type Compute, type ComputeIo, runChild } from "../../lib/worker/child/child.ts";
import { failedEnd } from "../../lib/run/attempt_end.ts";

const { socket, token } = takeComputeOrder()!;
const text = new TextEncoder();
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Every task by name; what it returns is not used. */
const tasks: Record<string, (params: string, signal: AbortSignal, io: ComputeIo) => unknown> = {
  nothing: () => {},
  sum: (params) => console.log(params.length, params.slice(0, 3), params.slice(-3)),
  print: (params) => Deno.stdout.writeSync(text.encode(params)),
  printBoth: () => {
    for (let i = 0; i < 50; i++) i % 2 ? console.log(`line ${i}`) : console.error(`line ${i}`);
  },
  throws: (params) => {
    throw new TypeError(params);
  },
  exit: (params) => Deno.exit(Number(params)),
  killSelf: () => Deno.kill(Deno.pid, "SIGKILL"),
  dieStoring: async (_params, _signal, io) => {
    await io.checked();
    await wait(100);
    Deno.kill(Deno.pid, "SIGKILL");
    await wait(10_000);
  },
  throwInTimer: async () => {
    setTimeout(() => {
      throw new Error("thrown in a timer");
    }, 1);
    await wait(10_000);
  },
  rejectNow: async () => {
    Promise.reject(new Error("rejected beside"));
    await wait(10_000);
  },
  rejectLater: (params) => {
    // Without a timer, which would be found at the end of the task.
    const until = performance.now() + Number(params);
    const float = async (): Promise<void> => {
      while (performance.now() < until) await Deno.stat("/");
      throw new Error("floated in");
    };
    void float();
  },
  throwLater: (params) => {
    setTimeout(() => {
      throw new Error("timer floated in");
    }, Number(params));
  },
  wait: (params) => wait(Number(params)),
  untilAborted: async (_params, signal) => {
    console.log("waiting");
    await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  },
  checkpoints: async (params, signal, io) => {
    console.log(io.timeLeftMs());
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    console.log(io.timeLeftMs());
    await wait(Number(params));
    console.log("saved");
    signal.throwIfAborted();
  },
  block: () => {
    console.log("blocking");
    for (;;);
  },
  heap: () => {
    const all: unknown[] = [];
    for (;;) all.push(Array.from({ length: 1000 }, (_, i) => ({ i })));
  },
  grandchild: async (params) => {
    const child = new Deno.Command("sleep", { args: ["600"], stdout: "inherit", stderr: "inherit" }).spawn();
    console.log(`grandchild ${child.pid}`);
    if (params === "exit") Deno.exit(0);
    if (params === "block") { for (;;); }
    if (params === "wait") await wait(600_000);
  },
  setsid: async () => {
    const child = new Deno.Command("sleep", { args: ["600"], detached: true }).spawn();
    console.log(`grandchild ${child.pid}`);
    await wait(50); // until it is another program
    Deno.exit(3);
  },
  flood: async (params) => {
    const chunk = text.encode("0123456789abcdef".repeat(4096));
    for (let i = 0; i < Number(params); i++) await Deno.stdout.write(chunk);
  },
  closeStdout: () => Deno.stdout.close(),
};

const compute: Compute = async (task, signal, io) => {
  const { name, params } = task.artifacts.get(task.root)!;
  try {
    if (name === "progress") {
      for (let i = 0; i <= 10_000; i++) io.progress(i / 10_000, "counting");
      await wait(250);
    } else if (name === "config") console.log(JSON.stringify(task.config));
    else if (name === "known") console.log(task.artifacts.size);
    else if (name === "stdin") console.log((await Deno.stdin.read(new Uint8Array(8))) ?? "end of input");
    else if (name === "bug") throw new Error("a bug of ours");
    else await tasks[name]!(params, signal, io);
    return { outcome: "success" };
  } catch (error) {
    if (name === "bug") throw error;
    return failedEnd(error);
  }
};

await runChild({ socket: socket!, token: token!, compute });
