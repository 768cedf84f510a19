import type { Config, explainConfig } from "../../core/config.ts";
import { maskedSetting } from "../../core/settings/notify_setting.ts";
import { SETTING_VARIABLES } from "../../core/settings/setting_variables.ts";
import { OTHER_DEFAULTS, SETTING_FORMS, slurmSettingsSchema } from "../../core/settings/settings_schema.ts";

/** A setting in effect. */
export interface SettingRow {
  /** Its name in `furu.json`, as `leaseSec` or `slurm.specs`. */
  readonly name: string;
  /** Its value; `null` where it has none, as what is used is only known later. */
  readonly value: unknown;
  /** Where the value comes from. */
  readonly from: "default" | "file" | "environment" | "code";
  /** The variable of the environment that sets it. */
  readonly variable?: string;
  /** The default in words, where it is in effect and no value. */
  readonly note?: string;
}

/** Every setting with the value that is in effect, and where that comes from. */
export function settingRows({ config, layers }: ReturnType<typeof explainConfig>): SettingRow[] {
  const { slurm: _, ...plain } = SETTING_FORMS;
  const slurm = slurmSettingsSchema().shape;
  const from = (has: (layer: Partial<Config>) => boolean): SettingRow["from"] =>
    has(layers.set) ? "code" : has(layers.variables) ? "environment" : has(layers.file) ? "file" : "default";
  const row = (name: string, value: unknown, origin: SettingRow["from"]): SettingRow => {
    const variable = variableOf(name);
    return {
      name,
      value: value ?? null,
      from: origin,
      ...(variable === undefined ? {} : { variable }),
      ...(origin === "default" && name in OTHER_DEFAULTS ? { note: OTHER_DEFAULTS[name]! } : {}),
    };
  };
  return [
    ...(Object.keys(plain) as (keyof typeof plain)[]).map((name) =>
      row(
        name,
        name === "notify" ? maskedSetting(config[name]) : config[name],
        from((layer) => layer[name] !== undefined),
      )
    ),
    ...(Object.keys(slurm) as (keyof typeof slurm)[]).map((name) =>
      row(`slurm.${name}`, config.slurm?.[name], from((layer) => layer.slurm?.[name] !== undefined))
    ),
  ];
}

function variableOf(name: string): string | undefined {
  if (name === "slurm.refusalSec") return "FURU_SLURM_REFUSAL_SECS";
  return Object.keys(SETTING_VARIABLES).find((variable) => SETTING_VARIABLES[variable]!.field === name);
}
