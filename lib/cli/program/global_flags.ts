import { type Flag, switchFlag, valueFlag } from "./flag.ts";

/** Flags that every command has. */
export interface GlobalFlags extends Record<string, Flag> {
  /** The store's folder. */
  readonly root: Flag<string | undefined>;
  /** Say only what failed. */
  readonly quiet: Flag<boolean>;
  /** For programs. */
  readonly json: Flag<boolean>;
  /** No colours. */
  readonly "no-color": Flag<boolean>;
  /** More about what goes wrong. */
  readonly verbose: Flag<boolean>;
  /** Show help. */
  readonly help: Flag<boolean>;
}

/** Flags that every command has; they may stand before the command, too. */
export const globalFlags: GlobalFlags = {
  root: valueFlag(
    "DIR",
    "The store's folder (default: FURU_PATH, else furu-data of the project)",
    (text) => text,
  ),
  quiet: switchFlag("Say only what failed", { short: "q" }),
  json: switchFlag("Write JSON for programs: events of a run as lines, a plan as one document"),
  "no-color": switchFlag("No colours (as NO_COLOR in the environment)"),
  verbose: switchFlag("Log for finding faults, and show stacks of errors"),
  help: switchFlag("Show help", { short: "h" }),
};
