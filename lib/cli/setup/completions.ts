import { defineCommand } from "../program/command.ts";
export const completionsCommand = defineCommand({
  args: () => "bash|zsh|fish",
  arity: () => ({ least: 1, most: 1 }),
  description: [],
  flags: {},
  examples: () => [],
  run: () => Promise.resolve(0),
});
