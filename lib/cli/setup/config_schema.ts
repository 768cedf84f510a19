import { z } from "zod";
import { OTHER_DEFAULTS, SETTING_DEFAULTS, settingsSchema } from "../../core/settings/settings_schema.ts";
import { slurmSpecSchema } from "../../slurm/client/spec.ts";

/** A JSON Schema, as far as it is changed here. */
interface JsonSchema {
  description?: string;
  default?: unknown;
  properties?: Record<string, JsonSchema>;
  additionalProperties?: unknown;
  [key: string]: unknown;
}

/** The JSON Schema of `furu.json`, as `furu.schema.json` has it: editors complete and check by it. */
export function configJsonSchema(): string {
  const schema = z.toJSONSchema(settingsSchema(), { io: "input", target: "draft-7" }) as JsonSchema;
  const { $schema, ...spec } = z.toJSONSchema(slurmSpecSchema, {
    io: "input",
    target: "draft-7",
  }) as JsonSchema;
  for (const name of ["memGb", "timeMin"]) {
    const { description, default: usual, ...one } = spec.properties![name]!;
    const grown = `${description}; several for attempts after too little, as [8, 16]`;
    const anyOf = [one, { type: "array", items: one, minItems: 1 }];
    spec.properties![name] = {
      description: grown,
      ...(usual === undefined ? {} : { default: usual }),
      anyOf,
    };
  }
  const settings = schema.properties!;
  settings.slurm!.properties!.specs!.additionalProperties = spec;
  describeDefaults(settings, "");
  describeDefaults(settings.slurm!.properties!, "slurm.");
  return `${
    JSON.stringify(
      {
        $schema,
        title: "furu.json",
        description: "Settings of furu for a project. Comments are allowed.",
        ...schema,
        properties: { $schema: { type: "string", description: "Where this schema is" }, ...settings },
      },
      undefined,
      2,
    )
  }\n`;
}

function describeDefaults(properties: Record<string, JsonSchema>, prefix: string): void {
  for (const [name, property] of Object.entries(properties)) {
    if (Object.hasOwn(SETTING_DEFAULTS, name)) {
      property.default = SETTING_DEFAULTS[name as keyof typeof SETTING_DEFAULTS];
    }
    const other = OTHER_DEFAULTS[`${prefix}${name}`];
    if (other !== undefined) property.description = `${property.description} (default: ${other})`;
  }
}
