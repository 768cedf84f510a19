import { type Bench, count, type Row } from "./bench.ts";
import { Folder } from "./folder.ts";
import { denoCommand } from "./furu.ts";
import { fromFileUrl } from "@std/path/from-file-url";
import type { ManyReport } from "./many_process.ts";
import { runProcess } from "./process.ts";

/** One run over very many tiny artifacts: whether the last ones take longer than the first, and its memory. */
export const manyBench: Bench = {
  name: "many",
  description: "100,000 tiny artifacts in one run: time of its tenths, memory",
  async run({ quick }): Promise<Row[]> {
    const size = quick ? 5000 : 100_000;
    await using folder = new Folder();
    const script = fromFileUrl(new URL("./many_process.ts", import.meta.url));
    const printed = await runProcess(denoCommand(script, `${size}`), {
      env: { FURU_PATH: folder.at("store") },
    });
    const { tenthsMs, peakMb }: ManyReport = JSON.parse(printed.trim().split("\n").at(-1)!);
    const [first = NaN, second = NaN] = tenthsMs;
    const each = (ms: number): number => ms / (size / 10);
    const unit = "ms each";
    return [
      {
        what: `${count(size)} tiny artifacts in one run: the last tenth`,
        furu: { value: each(tenthsMs.at(-1)!), unit },
        reference: { value: each(second), unit, tool: "its second tenth" },
        aim: "no growth",
      },
      {
        what: "the same: the first tenth, with the start of the workers",
        furu: { value: each(first), unit },
      },
      {
        what: "the same: memory of the run's process",
        furu: { value: peakMb, unit: "MB" },
        aim: "below 500 MB",
      },
    ];
  },
};
