import { explainConfig } from "../../core/config.ts";
import { table } from "../../ui/table.ts";
import { oneLine } from "../../ui/text.ts";
import { defineCommand } from "../program/command.ts";
import { switchFlag } from "../program/flag.ts";
import { loadModule } from "../roots/load_roots.ts";
import { type SettingRow, settingRows } from "./setting_rows.ts";

const flags = {
  schema: switchFlag("Print the JSON Schema of furu.json"),
  set: switchFlag("Only what is not the default"),
};

/** `furu config`: the settings in effect. */
export const configCommand = defineCommand({
  args: (program) => program.script ? "" : "[MODULE]",
  arity: (program) => ({ least: 0, most: program.script ? 0 : 1 }),
  description: [
    "Shows each setting with the value that is in effect and where it comes from: furu.json (or furu.jsonc) " +
    "beside the project's deno.json, the environment, code (configure() of a module, a flag), or the " +
    "default. With a module it is that of the module's project.",
  ],
  flags,
  examples: () => [
    ["", "all settings"],
    ["--set", "what was set by somebody"],
    ["--schema > furu.schema.json", "for editors: furu.json names it as its $schema"],
    ["--json", 'for programs: {"project", "file", "settings": [{"name", "value", "from", ...}]}'],
  ],
  async run({ args: [module], flags, globals, io }) {
    if (flags.schema) {
      io.out((await import("./config_schema.ts")).configJsonSchema());
      return 0;
    }
    if (module !== undefined) await loadModule(module, io.cwd);
    const explained = explainConfig();
    const { layers: { project, path } } = explained;
    const rows = settingRows(explained).filter(({ from }) => !flags.set || from !== "default");
    if (globals.json) {
      io.out(`${JSON.stringify({ project, file: path ?? null, settings: rows })}\n`);
      return 0;
    }
    io.out(`project ${project}\nfile    ${path ?? "none (furu.json)"}\n`);
    if (rows.length === 0) io.err("nothing is set: all settings have their defaults\n");
    else io.out(`\n${settingsText(rows, path, io.width)}`);
    return 0;
  },
});

function settingsText(rows: readonly SettingRow[], path: string | undefined, width?: number): string {
  const origin = ({ from, variable, note }: SettingRow): string => {
    if (from === "environment") return variable ?? from;
    if (from === "file") return path?.split("/").at(-1) ?? from;
    if (from === "code") return "configure(), or a flag";
    return note === undefined ? from : `default: ${note}`;
  };
  const lines = table(
    rows.map((row) => [row.name, row.value === null ? "" : oneLine(JSON.stringify(row.value)), origin(row)]),
    { head: ["SETTING", "VALUE", "FROM"], width },
  );
  return `${lines.join("\n")}\n`;
}
