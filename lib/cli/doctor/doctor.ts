import { FuruError, UsageError } from "../../core/errors.ts";
import { furuGlobals } from "../../core/globals.ts";
import { interruptible } from "../../core/system/interrupts.ts";
import { FURU_VERSION } from "../../core/version.ts";
import { examine } from "../../doctor/examine.ts";
import { countLevels } from "../../doctor/machine/finding.ts";
import type { FactsOrder } from "../../doctor/machine/tell_facts.ts";
import { neededSettings, settingsFile, settingsJson } from "../../doctor/settings.ts";
import { furuCommand } from "../../worker/command.ts";
import { defineCommand } from "../program/command.ts";
import { switchFlag, valueFlag, wholeNumber } from "../program/flag.ts";
import { findingsText, levelCountsText, settingsText } from "./doctor_text.ts";

const WAIT_SEC = 300;
const DEADLINE_SEC = 20;
/** Longer than attributes are cached by usual mounts. */
const SIGHT_LIMIT_SEC = 130;

const flags = {
  slurm: switchFlag("Look at Slurm, too: submits two small jobs"),
  spec: valueFlag("NAME", "The spec of furu.json that the jobs have (default: default)", (text) => text),
  wait: valueFlag(
    "SECONDS",
    `How long jobs may wait to begin (default: ${WAIT_SEC})`,
    (text) => wholeNumber(text, 1),
  ),
  write: switchFlag("Put what this site needs into furu.json"),
};

/** `furu doctor`: what works here, what does not, and what to set. */
export const doctorCommand = defineCommand({
  args: () => "",
  arity: () => ({ least: 0, most: 0 }),
  description: [
    "Looks at what furu needs of this machine and of the store's filesystem, and with --slurm of the site: two " +
    "small jobs, on different nodes where there are, tell how soon machines see what others do, whether furu " +
    "begins there, whether nodes can submit, how old squeue's lists are. Says for each what does not work, and " +
    "what to set.",
    "There has to be no store. What is made is removed again, jobs are cancelled; runs are left alone. " +
    "docs/doctor.md tells of each finding.",
    "Exit codes: 0 nothing is wrong (there may be warnings), 1 something is, 2 wrong use.",
    "--json has findings with id, level (fine, warning, wrong, unknown), what, found, effect, fix, settings, " +
    "values; the settings for furu.json; and the file that --write has changed.",
  ],
  flags,
  examples: () => [
    ["", "this machine, and where the store is"],
    ["--slurm --write", "the first thing to do at a new site"],
    ["--slurm --spec gpu --wait 3600", "for the jobs of a spec, which may take a while to begin"],
  ],
  async run({ flags, globals, io }) {
    if (!flags.slurm) {
      const needing = flags.spec !== undefined ? "--spec" : flags.wait !== undefined ? "--wait" : undefined;
      if (needing) throw new UsageError(`Cannot use ${needing} without --slurm: only jobs have that`);
    }
    const { quiet, json } = globals;
    const shown = { color: io.color && !globals["no-color"], width: io.width };
    const entry = furuGlobals().entry ?? Deno.mainModule;
    const command = ({ name }: FactsOrder): string[] => [
      ...furuCommand(),
      "doctor-probe",
      "--folder",
      name,
      "--entry",
      entry,
      ...(globals.root === undefined ? [] : ["--root", globals.root]),
    ];
    const { findings, settings } = await interruptible(
      (signal) =>
        examine({
          command,
          entry,
          slurm: flags.slurm,
          specName: flags.spec ?? "default",
          waitSec: flags.wait ?? WAIT_SEC,
          deadlineSec: DEADLINE_SEC,
          sightLimitSec: SIGHT_LIMIT_SEC,
          signal,
          onFindings(about, some) {
            const told = quiet ? some.filter(({ level }) => level === "wrong") : some;
            if (!json && told.length > 0) io.out(findingsText(about, told, shown));
          },
          progress: (text) => quiet ? undefined : io.err(`${text}\n`),
        }),
      () => io.err("stopping: jobs are cancelled, and what was made is removed\n"),
    );
    const needed = neededSettings(findings);
    const path = settingsFile(settings?.project ?? io.cwd);
    let wrote: string | undefined;
    if (flags.write && needed.length > 0) {
      if (settings === undefined) {
        throw new FuruError("Cannot write furu.json as the project's folder does not answer");
      }
      const { writeSettings } = await import("../../doctor/write_settings.ts");
      await writeSettings(path, needed);
      wrote = path;
    }
    if (json) {
      const report = {
        furu: FURU_VERSION,
        deno: Deno.version.deno,
        host: Deno.hostname(),
        root: settings?.root ?? null,
        findings,
        settings: settingsJson(needed),
        wrote: wrote ?? null,
      };
      io.out(`${JSON.stringify(report)}\n`);
    } else if (!quiet) {
      io.out(levelCountsText(findings));
      if (wrote !== undefined) {
        io.out(`written to ${wrote}: ${needed.map(({ path }) => path.join(".")).join(", ")}\n`);
      } else if (flags.write) io.out("nothing has to be set in furu.json\n");
      else io.out(settingsText(needed, path));
    }
    return countLevels(findings).wrong > 0 ? 1 : 0;
  },
});
