import type { Bench, Row } from "./bench.ts";
import { Folder } from "./folder.ts";
import { PIPELINE, runFuru } from "./furu.ts";
import { medianMs } from "./measure.ts";
import { runProcess } from "./process.ts";

const STEPS = 200;
const UNIT = "ms a step";

/**
 * A chain in which each step needs the one before: what one step costs when nothing can be done beside it.
 */
export const chainBench: Bench = {
  name: "chain",
  description: "a chain of 200 steps, each loading the one before, beside make",
  async run({ quick, peers }): Promise<Row[]> {
    await using folder = new Folder();
    const rounds = quick ? 1 : 5;
    const furuMs = (steps: number) =>
      medianMs(
        () => runFuru(folder.at("store"), "run", `${PIPELINE}#chain_${steps}`, "--workers", "2", "--quiet"),
        { rounds, before: () => folder.remove("store") },
      );
    const all = await furuMs(STEPS), start = await furuMs(1);
    const make = peers.get("make");
    let reference;
    if (make) {
      folder.write("Makefile", makefile());
      const ms = await medianMs(() => runProcess([make.command, "-s", "-j2"], { cwd: folder.path }), {
        rounds,
        before: () => folder.clear("o"),
      });
      reference = { reference: { value: ms / STEPS, unit: UNIT, tool: "make -j2" } };
    }
    const aim = "below 0.6 ms, as make";
    return [
      {
        what: `chain of ${STEPS}, whole process`,
        furu: { value: all / STEPS, unit: UNIT },
        ...reference,
        aim,
      },
      {
        what: "the same, each step after the first",
        furu: { value: (all - start) / (STEPS - 1), unit: UNIT },
        ...reference,
        aim,
      },
    ];
  },
};

/** Each target adds one to the number in the file of the one before, as the steps of the pipeline do. */
function makefile(): string {
  let text = `all: o/${STEPS}\no/1:\n\t@echo 1 > $@\n`;
  for (let i = 2; i <= STEPS; i++) {
    text += `o/${i}: o/${i - 1}\n\t@read x < $<; echo $$((x + 1)) > $@\n`;
  }
  return text;
}
