import { assertEquals } from "@std/assert";
import { join } from "@std/path/join";
import { Rig } from "../../rig.ts";
import { furu, type Outcome } from "../rig.ts";

/** A store with a sweep in it, and furu's commands on it. */
export interface SweepRig extends AsyncDisposable {
  rig: Rig;
  /** Runs a command line. */
  run(...args: string[]): Promise<Outcome>;
  /** The hash of an artifact of a task, by what its record or end has in it. */
  hashOf(task: string, text: string): string;
}

/** Computes the sweep of `fixtures/sweep.ts`. */
export async function sweepRig(): Promise<SweepRig> {
  const rig = new Rig();
  const { code, output } = await rig.start("cli/takeout/fixtures/sweep.ts").ended();
  assertEquals(code, 0, output);
  return {
    rig,
    run: (...args) => furu(args, { root: () => Promise.resolve(rig.root) }),
    hashOf: (task, text) => {
      const names = rig.tree().filter((name) =>
        name.startsWith(`artifacts/${task}/`) && name.endsWith(".json")
      );
      const name = names.find((each) => Deno.readTextFileSync(join(rig.root, each)).includes(text));
      return /[0-9a-f]{32}/.exec(name ?? "")?.[0] ?? "";
    },
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  };
}
