import { join } from "@std/path/join";
import { type Rig, type Script, until } from "../rig.ts";

/** Starts one of the pipeline's commands (fixtures/job.ts) as a process of its own. */
export function job(rig: Rig, args: readonly unknown[], env: Record<string, string> = {}): Script {
  return rig.start("e2e/fixtures/job.ts", args, env);
}

/** The last line that a job printed: its value, or its error. */
// deno-lint-ignore no-explicit-any -- whatever the task returned, for assertEquals
export function printed(script: Script): any {
  return JSON.parse(script.stdout.trim().split("\n").at(-1) ?? "");
}

/** The computations of one id so far: the process and the attempt of each. */
export function creates(rig: Rig, id = "one"): { pid: number; attempt: number }[] {
  return rig.read(`${id}.creates`).trim().split("\n").filter((line) => line !== "").map((line) => {
    const [pid, attempt] = line.split(" ").map(Number);
    return { pid: pid!, attempt: attempt! };
  });
}

/** Waits until so many computations of one id have begun. */
export async function begun(rig: Rig, count = 1, id = "one"): Promise<void> {
  await until(() => creates(rig, id).length >= count, `${count} computations of ${id} have begun`);
}

/** All end records in the store, parsed. */
// deno-lint-ignore no-explicit-any -- read field by field by the tests
export function ends(rig: Rig): any[] {
  return rig.tree().filter((name) => /\/end-[0-9a-z]+\.json$/.test(name))
    .map((name) => JSON.parse(Deno.readTextFileSync(join(rig.root, name))));
}

/** Names that only a process at work may have: claims, temporary and trash names, and whole attempts' folders. */
export function litter(rig: Rig): string[] {
  return rig.tree().filter((name) => /\.claim$|\.tmp-|\.trash-|\.checkpoint/.test(name));
}
