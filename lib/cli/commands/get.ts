import { UsageError } from "../../core/errors.ts";
import { type CommandInput, defineCommand } from "../program/command.ts";
import { listFlag, switchFlag } from "../program/flag.ts";
import { findReference, isPin, isReference } from "../roots/find_reference.ts";
import { findArtifact } from "../roots/find_artifact.ts";
import { valueText } from "../view/value_text.ts";

const flags = {
  set: listFlag("KEY=VALUE", "A parameter of the task, as data.size=10 (may be repeated)", { short: "s" }),
  force: switchFlag("Compute it again, stored or not", { short: "f" }),
};

type GetFlags = typeof flags;

/**
 * The value of a result that is named by its hash.
 *
 * @returns Nothing where the argument names something else: a module, or a task.
 * @throws {FuruError} If there is no such result.
 */
async function storedValue(
  { args, flags, io, program, engine }: CommandInput<GetFlags>,
): Promise<{ value: unknown } | undefined> {
  const [written] = args;
  if (written === undefined || !isReference(written) && !await isPin(engine, written)) return undefined;
  if (flags.force || flags.set.length > 0) {
    throw new UsageError(
      `Cannot use --force or --set with a hash: it names one result; use the task instead`,
    );
  }
  if (program.script && await engine.findTask(written)) return undefined;
  const found = await findReference({ args: [written], io, program, engine });
  return { value: await engine.storedValue(found) };
}

/** `furu get`: the value of one artifact. */
export const getCommand = defineCommand({
  args: (program) => program.script ? "[TASK|HASH]" : "MODULE[#export]|HASH",
  arity: (program) => ({ least: program.script ? 0 : 1, most: 1 }),
  description: [
    "Prints the value of one artifact as JSON: of a task with the parameters given by --set, whose " +
    "types come from the task's schema, or of an artifact that is exported. What is missing is " +
    "computed in this process, one artifact at a time.",
    "Of a HASH, its first digits, or an artifact as furu prints it, the stored value is printed: nothing is " +
    "computed.",
    "Dates are given as 2026-01-31T08:30 (UTC unless there is an offset), bytes as base64:... or " +
    "hex:...; lists, sets, objects and maps as JSON or part by part, as layers.0.size=10.",
  ],
  flags,
  examples: (program) => {
    const task = program.script ? "Train" : "pipeline.ts#Train";
    return [
      [`${task} --set lr=0.1 --set data.size=10`, "the value of this task with these parameters"],
      ["4f0c12ab", "the stored value of the artifact whose hash begins so"],
      ...(program.script
        ? []
        : [["pipeline.ts#best", "the value of an artifact that the module exports"]] as const),
    ];
  },
  async run(input) {
    const stored = await storedValue(input);
    if (stored) {
      input.io.out(`${valueText(stored.value)}\n`);
      return 0;
    }
    const artifact = await findArtifact(input);
    const value = await input.engine.get(artifact, { force: input.flags.force });
    input.io.out(`${valueText(value)}\n`);
    return 0;
  },
});
