import { assert, assertEquals, assertMatch } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { configJsonSchema } from "../../../lib/cli/setup/config_schema.ts";
import { settingRows } from "../../../lib/cli/setup/setting_rows.ts";
import { resolveConfig } from "../../../lib/core/config.ts";
import {
  OTHER_DEFAULTS,
  SETTING_DEFAULTS,
  SETTING_FORMS,
} from "../../../lib/core/settings/settings_schema.ts";
import { furu } from "../rig.ts";

describe("furu.schema.json", () => {
  it("is what the code says: 'deno task schema' writes it", async () => {
    const file = await Deno.readTextFile(new URL("../../../furu.schema.json", import.meta.url));
    assertEquals(file, configJsonSchema());
    const { out } = await furu(["config", "--schema"]);
    assertEquals(out, file);
  });

  it("describes every setting, with its default", () => {
    const { properties } = JSON.parse(configJsonSchema());
    for (const name of Object.keys(SETTING_FORMS)) {
      assert(properties[name].description.length > 10, name);
      if (name === "slurm") continue;
      assert(name in SETTING_DEFAULTS || name in OTHER_DEFAULTS, `${name} has a default`);
    }
    assertEquals(properties.slurm.properties.specs.additionalProperties.properties.timeMin.default, 60);
    assertMatch(properties.leaseSec.description, /claim/);
  });
});

describe("settingRows()", () => {
  it("says where each setting comes from: the strongest that sets it", () => {
    const config = { ...resolveConfig(), leaseSec: 60, maxHeapMb: 300, root: "/r", slurm: { refusalSec: 5 } };
    const rows = settingRows({
      config,
      layers: {
        project: "/p",
        path: "/p/furu.json",
        file: { leaseSec: 60, root: "/f", slurm: { refusalSec: 9 } },
        variables: { maxHeapMb: 300, slurm: { refusalSec: 5 } },
        set: { root: "/r" },
      },
    });
    const row = (name: string) => rows.find((each) => each.name === name);
    assertEquals(row("leaseSec"), { name: "leaseSec", value: 60, from: "file", variable: "FURU_LEASE_SECS" });
    assertEquals(row("root")?.from, "code");
    assertEquals(row("maxHeapMb")?.from, "environment");
    assertEquals([row("slurm.refusalSec")?.from, row("slurm.refusalSec")?.value], ["environment", 5]);
    assertEquals([row("slurm.specs")?.from, row("slurm.specs")?.value], ["default", null]);
    assertEquals(row("maxWaitSec")?.from, "default");
  });
});

describe("furu config", () => {
  it("prints the settings for people and for programs", async () => {
    const { code, out } = await furu(["config"]);
    assertEquals(code, 0);
    assertMatch(out, /^project \//);
    assertMatch(out, /^maxWaitSec +600 +default$/m);
    const { project, settings } = JSON.parse((await furu(["config", "--json"])).out);
    assertMatch(project, /^\//);
    assertEquals(settings.find(({ name }: { name: string }) => name === "maxWaitSec").value, 600);
  });
});
