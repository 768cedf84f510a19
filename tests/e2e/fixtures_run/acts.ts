import type { CreateContext } from "@furu/furu";
import { get, PermanentError } from "@furu/furu";
import { exists } from "@std/fs/exists";
import { undeclared } from "./step.ts";

/** The folder in which a test and its tasks leave files for each other. */
export const SCENE: string = Deno.env.get("SCENE")!;

type Context = Pick<
  CreateContext<{ id: string }>,
  "params" | "signal" | "attempt" | "run" | "progress" | "log"
>;
type Act = (ctx: Context, word: string) => unknown;

/** Until a file is there; the test decides when. */
export async function fileThere(name: string, signal?: AbortSignal): Promise<void> {
  while (!await exists(`${SCENE}/${name}`)) {
    signal?.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function thereNow(name: string): boolean {
  try {
    Deno.statSync(`${SCENE}/${name}`);
    return true;
  } catch {
    return false;
  }
}

export function touch(name: string, text = ""): void {
  Deno.writeTextFileSync(`${SCENE}/${name}`, text);
}

/** What a task can be told to do: `"<act> <rest>"`. */
const ACTS: Record<string, Act> = {
  touch: (_, name) => touch(name),
  pid: (_, name) => touch(name, `${Deno.pid}`),
  /** Fails where another task is at the same; stays a while, so that it would be met. */
  alone: async (_, name) => {
    Deno.writeTextFileSync(`${SCENE}/${name}`, "", { createNew: true });
    await new Promise((resolve) => setTimeout(resolve, 200));
    Deno.removeSync(`${SCENE}/${name}`);
  },
  await: ({ signal }, name) => fileThere(name, signal),
  fail: (_, message) => {
    throw new Error(message);
  },
  permanent: (_, message) => {
    throw new Error("wrapped", { cause: new PermanentError(message) });
  },
  /** Errors that are none of furu's, nor of the system's. */
  pretend: (_, name) => {
    class ProtocolError extends Error {
      override name = name;
      code = "ERR_OF_OURS";
    }
    throw new ProtocolError("pretended");
  },
  throw: (_, text) => {
    throw text;
  },
  failUntil: ({ attempt }, last) => {
    if (attempt < Number(last)) throw new Error(`not yet in attempt ${attempt}`);
  },
  exit: (_, code) => Deno.exit(Number(code)),
  throwOutside: (_, message) => {
    setTimeout(() => {
      throw new Error(message);
    });
    return new Promise(() => {});
  },
  rejectOutside: (_, message) => {
    Promise.reject(new Error(message));
    return new Promise(() => {});
  },
  /** Rejects when the file is there, long after the task has returned. A timer is pending all the time. */
  float: (_, name) => {
    const look = (): void => {
      if (!thereNow(name)) return void setTimeout(look, 5);
      touch(`${name}.floated`);
      void Promise.reject(new Error(`floated from ${name}`));
    };
    look();
  },
  signal: (_, name) => {
    Deno.kill(Deno.pid, name as Deno.Signal);
    return new Promise(() => {});
  },
  oom: () => {
    for (const all: unknown[] = [];;) all.push(new Array(100_000).fill(Math.random()));
  },
  /** Never lets the event loop turn. */
  block: (_, name) => {
    touch(name, `${Deno.pid}`);
    for (;;);
  },
  print: (_, text) => console.log(text),
  printError: (_, text) => console.error(text),
  raw: (_, text) => Deno.stdout.writeSync(new TextEncoder().encode(text)),
  log: ({ log }, text) => log.info(text),
  progress: ({ progress }, text) => progress(Number(text), "half way"),
  /** Waits for its signal, heeds it, and says so. */
  heed: ({ signal }, name) =>
    new Promise((_, reject) => {
      const timer = setInterval(() => {}, 1000);
      signal.addEventListener("abort", () => {
        clearInterval(timer);
        touch(`${name}.aborted`);
        reject(signal.reason);
      });
      touch(name, `${Deno.pid}`);
    }),
  /** As heed in the first attempt; then it goes on. */
  heedOnce: (ctx, name) => ctx.attempt === 1 ? ACTS.heed?.(ctx, name) : undefined,
  /** Waits for ever, whatever its signal says. */
  ignore: (_, name) => {
    touch(name, `${Deno.pid}`);
    return new Promise(() => void setInterval(() => {}, 1000));
  },
  /** Starts a program and does not wait for it. */
  grandchild: (_, name) => {
    const { pid } = new Deno.Command("sleep", { args: ["1000"] }).spawn();
    touch(name, `${pid}`);
  },
  /** Of the task itself. */
  return: () => {},
  program: ({ run }, program) => run([program]),
  run: ({ run }, script) => run(["sh", "-c", script]),
  get: (_, id) => get(undeclared(id)),
  forceSelf: async () => await get(undeclared("forced"), { force: true }),
  runLocal: async () => {
    const { runLocal } = await import("@furu/furu");
    await runLocal([undeclared("inner")]);
  },
};

/** Does one after the other. */
export async function act(ctx: Context, does: readonly string[]): Promise<void> {
  for (const line of does) {
    const [, name = "", rest = ""] = line.match(/^(\S+) ?(.*)$/s) ?? [];
    const does = ACTS[name];
    if (!does) throw new Error(`no act ${name}`);
    await does(ctx, rest);
  }
}
