import { fromFileUrl } from "@std/path/posix/from-file-url";
import { FuruError, UsageError } from "../../core/errors.ts";
import { compareResults } from "../../explain/compare_results.ts";
import { computeBeside, linkDependencies, storedRecord } from "../../explain/scratch_store.ts";
import { Store } from "../../store/store.ts";
import { oneLine, truncate } from "../../ui/text.ts";
import { artifactsBelow } from "../view/why_text.ts";
import { defineCommand } from "../program/command.ts";
import { switchFlag } from "../program/flag.ts";
import { readableStore } from "../program/readable_store.ts";
import { findReference } from "../roots/find_reference.ts";
import { loadTarget } from "../roots/target.ts";

const flags = {
  inspect: switchFlag("Wait for a debugger before anything is loaded (deno run --inspect-wait)"),
};

/** `furu replay`: computes an artifact again, beside the store. */
export const replayCommand = defineCommand({
  args: (program) => program.script ? "HASH" : "HASH [MODULE[#export]]",
  arity: (program) => ({ least: 1, most: program.script ? 1 : 2 }),
  description: [
    "Computes one artifact again, in this process and into a folder of its own, with the results that are " +
    "stored of what it depends on; nothing is written to the store. The value and the files are compared " +
    "with what is stored. Nothing else is computed: what is not stored cannot be got.",
    "MODULE is the one that makes the artifact; without it the one that did is asked.",
    "Exit codes: 0 the same, or nothing is stored to compare with; 1 different, or it failed. Then the " +
    "folder stays, and is named.",
  ],
  flags,
  examples: () => [
    ["4f0c12ab", "whether it gives the same value again"],
    ["4f0c12ab pipeline.ts --inspect", "one that failed, step by step in a debugger"],
  ],
  async run({ args, flags, globals, io, program, engine }) {
    const store = await readableStore(engine);
    const found = await findReference({ args, io, program, engine });
    const stored = await storedRecord(store, found);
    const code = stored?.provenance.code as { module?: string } | undefined;
    const recorded = code?.module?.startsWith("file:") ? [fromFileUrl(code.module)] : [];
    const modules = args.length > 1 ? args.slice(1) : recorded;
    if (!program.script && modules.length === 0) {
      throw new UsageError(`Cannot compute ${found.hash} again without the MODULE that makes it`);
    }
    if (flags.inspect) return await inspected(modules, [found.hash, ...modules, "--root", store.root]);
    const { roots } = await loadTarget(program, modules, io);
    const artifact = artifactsBelow(roots).get(found.hash);
    if (!artifact) {
      throw new FuruError(
        `Cannot compute ${found.name}(${found.hash.slice(0, 8)}) again as the roots of ` +
          `${modules[0] ?? program.name} do not need it: its parameters, version or code have changed, or ` +
          `another module makes it`,
      );
    }
    const scratch = await Deno.realPath(await Deno.makeTempDir({ prefix: "furu-replay-" }));
    let isSame = false;
    try {
      await linkDependencies(store, artifact, scratch);
      await engine.configure({ root: scratch });
      await computeBeside(store, artifact, scratch);
      const { leaseSec, heartbeatSec } = store;
      const beside = new Store(store.machine, { root: scratch, leaseSec, heartbeatSec });
      const record = await storedRecord(beside, found);
      if (!record) throw new FuruError(`Cannot find what was computed in ${scratch}`);
      const difference = stored &&
        await compareResults(found, { store, record: stored }, { store: beside, record });
      isSame = difference === undefined;
      const result = stored ? (isSame ? "same" : "different") : "nothing to compare with";
      if (globals.json) {
        const { name, hash } = found;
        const { durationMs } = record;
        const place = isSame ? {} : { folder: scratch };
        io.out(
          `${
            JSON.stringify({ name, hash, result, durationMs, ...(difference && { difference }), ...place })
          }\n`,
        );
      } else if (!difference) {
        io.out(stored ? `${artifact}: the same as what is stored\n` : `${artifact}: computed, ${result}\n`);
      } else {
        const { where } = difference;
        const [old, now] = [difference.old, difference.new].map(shortText);
        io.out(`${artifact}: different from what is stored\n  ${where}  ${old} → ${now}\n`);
      }
      return isSame ? 0 : 1;
    } finally {
      // Links are removed, not what they lead to.
      if (isSame) await Deno.remove(scratch, { recursive: true });
      else io.err(`what was computed, and its log, is in ${scratch}\n`);
    }
  },
});

function shortText(value: unknown): string {
  return value === undefined ? "(none)" : truncate(oneLine(JSON.stringify(value)), 60);
}

/** The same command in a process that waits for a debugger. */
async function inspected(modules: readonly string[], args: readonly string[]): Promise<number> {
  const { furuCommand } = await import("../../worker/command.ts");
  const [module] = modules;
  const [deno = "", run, ...rest] = furuCommand(
    module === undefined ? {} : { module: await Deno.realPath(module.replace(/#.*$/, "")) },
  );
  if (run !== "run") throw new UsageError("Cannot use --inspect in a packed program: Deno is needed for it");
  // Deno says where the debugger is to go, unless it is told to be quiet.
  const options = rest.filter((each) => each !== "--quiet");
  const command = [run, "--inspect-wait", ...options, "replay", ...args];
  const child = new Deno.Command(deno, {
    args: command,
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  });
  return (await child.spawn().status).code;
}
