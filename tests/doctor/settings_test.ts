import { assertEquals, assertRejects } from "@std/assert";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { ConfigError } from "../../lib/core/errors.ts";
import type { DoctorFinding, FoundSetting } from "../../lib/doctor/machine/finding.ts";
import { neededSettings, settingsFile, settingsJson } from "../../lib/doctor/settings.ts";
import { withSettings, writeSettings } from "../../lib/doctor/write_settings.ts";

const SETTINGS: FoundSetting[] = [
  { path: ["slurm", "nodesSubmit"], value: false },
  { path: ["slurm", "specs", "default", "timeMin"], value: 30 },
  { path: ["leaseSec"], value: 240 },
];

function finding(settings: FoundSetting[]): DoctorFinding {
  return { id: "x", level: "warning", what: "x", found: "x", settings };
}

describe("settings of a site", () => {
  it("are one value each, the longest delay", () => {
    const needed = neededSettings([
      finding([{ path: ["leaseSec"], value: 180 }]),
      finding([{ path: ["leaseSec"], value: 240 }, { path: ["slurm", "nodesSubmit"], value: false }]),
      finding([{ path: ["leaseSec"], value: 120 }, { path: ["slurm", "nodesSubmit"], value: false }]),
    ]);
    assertEquals(settingsJson(needed), { leaseSec: 240, slurm: { nodesSubmit: false } });
  });

  it("make a furu.json where there is none", () => {
    assertEquals(JSON.parse(withSettings(undefined, SETTINGS)), settingsJson(SETTINGS));
    assertEquals(JSON.parse(withSettings("", SETTINGS)), settingsJson(SETTINGS));
  });

  it("leave all else as it is: values, layout, comments", () => {
    const text =
      '// our site\n{\n\t"root": "/data", // shared\n\t"slurm": {\n\t\t"specs": { "gpu": { "gpus": 1 } }\n\t}\n}\n';
    const edited = withSettings(text, SETTINGS);
    for (
      const line of [
        "// our site",
        '\t"root": "/data", // shared',
        '\t\t"nodesSubmit": false',
      ]
    ) {
      assertEquals(edited.includes(line), true, `${line} in\n${edited}`);
    }
    const { slurm } = JSON.parse(edited.replaceAll(/\/\/.*/g, ""));
    assertEquals(slurm.specs, { gpu: { gpus: 1 }, default: { timeMin: 30 } });
    assertEquals(withSettings(edited, SETTINGS), edited);
  });

  it("go into the file that the project has: two of them would be refused", async () => {
    const folder = await Deno.makeTempDir();
    try {
      assertEquals(settingsFile(folder), join(folder, "furu.json"));
      await Deno.writeTextFile(join(folder, "furu.jsonc"), "{}\n");
      assertEquals(settingsFile(folder), join(folder, "furu.jsonc"));
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

  it("are written all at once, to the file behind a link", async () => {
    const folder = await Deno.makeTempDir();
    try {
      const file = join(folder, "site.json");
      await Deno.writeTextFile(file, "{}\n", { mode: 0o640 });
      await Deno.symlink(file, join(folder, "furu.json"));
      await writeSettings(join(folder, "furu.json"), SETTINGS);
      assertEquals(JSON.parse(await Deno.readTextFile(file)), settingsJson(SETTINGS));
      assertEquals((await Deno.lstat(join(folder, "furu.json"))).isSymlink, true);
      assertEquals((await Deno.stat(file)).mode! & 0o777, 0o640);
      assertEquals([...Deno.readDirSync(folder)].length, 2);
      assertEquals(settingsFile(folder), join(folder, "furu.json"));
      const error = await assertRejects(
        () => writeSettings(join(folder, "no", "furu.json"), SETTINGS),
        ConfigError,
      );
      assertEquals(error.message.startsWith(`Cannot write ${join(folder, "no", "furu.json")}`), true);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
});
