import { type ComputeOrder, takeComputeOrder } from "../core/environment.ts";
import type { Engine } from "./program/engine.ts";
import type { Io } from "./program/io.ts";
import type { Program } from "./program/program.ts";

/** Options of {@link runFuru}; all but `args` are for scripts and tests. */
export interface RunFuruOptions {
  /** The command line, without the program. */
  args: readonly string[];
  /**
   * The program whose commands they are.
   *
   * @default {`furu`}
   */
  program?: Program;
  /**
   * The streams that it writes to.
   *
   * @default {this process's own streams}
   */
  io?: Io;
  /**
   * The rest of furu.
   *
   * @default {the real one}
   */
  engine?: Engine;
}

/**
 * The program: does what a command line says.
 *
 * @returns The exit code: 0, 1 when something failed, 2 for wrong use, 130 or 143 when stopped by a signal.
 */
export async function runFuru(options: RunFuruOptions): Promise<number> {
  const { args } = options;
  let used: string | undefined;
  try {
    // What computes artifacts for a run: started by furu alone, and often. Nothing else is loaded for it.
    const order = takeComputeOrder();
    if (order !== undefined) return await compute(order);
    if (args[0] === "job") return await (await import("./job.ts")).job(args.slice(1));
    if (args[0] === "complete" && options.program === undefined) {
      const { complete } = await import("./complete.ts");
      await complete(args.slice(1), options.io ?? (await import("./program/io.ts")).systemIo());
      return 0;
    }
    const { runCommandLine } = await import("./command_line.ts");
    return await runCommandLine({
      args,
      program: options.program ?? (await import("./program/program.ts")).furuProgram,
      io: options.io ?? (await import("./program/io.ts")).systemIo(),
      engine: options.engine ?? (await import("./program/engine.ts")).systemEngine,
      onCommand: (name) => used = name,
    });
  } catch (error) {
    const [{ reportError }, { systemIo }, { furuProgram }] = await Promise.all([
      import("./report_error.ts"),
      import("./program/io.ts"),
      import("./program/program.ts"),
    ]).catch(() => {
      throw error; // what the report needs cannot be loaded either: Deno says why
    });
    const { name } = options.program ?? furuProgram;
    return reportError(error, {
      io: options.io ?? systemIo(),
      command: used === undefined ? name : `${name} ${used}`,
      verbose: args.includes("--verbose") || args.includes("-v") || await logsDebug(),
      json: args.includes("--json"),
    });
  }
}

/** The computing process of a supervisor takes one task after another until that ends it, or is gone. */
async function compute({ socket, token }: ComputeOrder): Promise<never> {
  const [{ runChild }, { computeTask }] = await Promise.all([
    import("../worker/child/child.ts"),
    import("../worker/child/compute_task.ts"),
  ]);
  return await runChild({ socket, token, compute: computeTask });
}

/** Whether everything is logged that helps to find faults. Then errors are shown with their stacks. */
async function logsDebug(): Promise<boolean> {
  try {
    return (await import("../core/config.ts")).resolveConfig().logLevel === "debug";
  } catch {
    return false; // a configuration that cannot be read is what is being reported
  }
}
