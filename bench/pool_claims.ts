import { fromFileUrl } from "@std/path/from-file-url";
import { resolveConfig } from "../lib/core/config.ts";
import type { Hash } from "../lib/core/hash.ts";
import { systemMachine } from "../lib/core/system/system_machine.ts";
import { enqueue, makeQueue } from "../lib/queue/queue.ts";
import { queuePaths } from "../lib/queue/layout.ts";
import { RECORD_SCHEMA } from "../lib/store/layout.ts";
import { Store } from "../lib/store/store.ts";
import { Folder } from "./folder.ts";
import { denoCommand } from "./furu.ts";

const WORKER = fromFileUrl(new URL("pool_claim_worker.ts", import.meta.url));

/**
 * How many tasks a second so many processes claim, read and move on, all together.
 *
 * @throws {Error} when a task was lost, or claimed twice.
 */
export async function claimsPerSecond(processes: number, tasks: number): Promise<number> {
  await using folder = new Folder();
  const root = folder.at("store");
  const store = new Store(systemMachine(), resolveConfig({ root }));
  const paths = queuePaths(root, "bench");
  await makeQueue(store, paths, ["default"]);
  for (let i = 0; i < tasks; i++) {
    const hash = i.toString(16).padStart(32, "0") as Hash;
    const task = { schema: RECORD_SCHEMA, hash, name: "bench/Tiny", spec: "default" } as const;
    await enqueue(store, paths, task, { hash, attempt: 1, lost: 0 });
  }
  const workers = Array.from({ length: processes }, () => {
    const [program = "", ...args] = denoCommand(WORKER, root, "bench");
    const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped" }).spawn();
    return { child, lines: child.stdout.pipeThrough(new TextDecoderStream()).getReader() };
  });
  for (const { lines } of workers) await lines.read();
  const began = performance.now();
  const claimed = await Promise.all(workers.map(async ({ child, lines }) => {
    const stdin = child.stdin.getWriter();
    await stdin.write(new TextEncoder().encode("\n"));
    const { value } = await lines.read();
    await stdin.close();
    await child.status;
    return Number(value);
  }));
  const seconds = (performance.now() - began) / 1000;
  const sum = claimed.reduce((all, each) => all + each, 0);
  if (sum !== tasks) throw new Error(`Cannot measure claims: of ${tasks} tasks ${sum} were claimed`);
  return tasks / seconds;
}
