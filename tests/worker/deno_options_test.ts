import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { carriedOptions } from "../../lib/worker/deno_options.ts";

/** What is carried of `deno <line>`, whose words after `script.ts` are the script's. */
function carried(line: string): string[] | undefined {
  const words = ["deno", ...line.split(" ")];
  return carriedOptions(words, words.slice(words.indexOf("script.ts") + 1), "/at")?.options;
}

describe("carriedOptions()", () => {
  it("takes what decides what modules are, in each form, with absolute paths", () => {
    const cases: [string, string[]][] = [
      ["run -A script.ts", []],
      ["-A script.ts a --config x", []],
      ["run --allow-all --config deno.json script.ts run --seed 3", ["--config=/at/deno.json"]],
      ["run -A --config=../x/deno.json script.ts", ["--config=/x/deno.json"]],
      ["run -c a.json -A script.ts", ["--config=/at/a.json"]],
      ["run -Aqc a.json script.ts", ["--config=/at/a.json"]],
      ["run -c=a.json script.ts", ["--config=/at/a.json"]],
      ["run -ca.json script.ts", ["--config=/at/a.json"]],
      ["-A --no-config --import-map https://x.org/m.json script.ts", [
        "--no-config",
        "--import-map=https://x.org/m.json",
      ]],
      ["run --unstable-kv --unstable-sloppy-imports -A script.ts", [
        "--unstable-kv",
        "--unstable-sloppy-imports",
      ]],
      ["run --v8-flags=--a,--b=1 --v8-flags=--c script.ts", ["--v8-flags=--a,--b=1", "--v8-flags=--c"]],
      ["run --lock script.ts", ["--lock"]],
      ["run --lock l.json --frozen script.ts", ["--lock=/at/l.json", "--frozen"]],
      ["run --lock=l.json --frozen=false -A script.ts", ["--lock=/at/l.json", "--frozen=false"]],
      ["run --node-modules-dir=manual --vendor --cached-only --no-remote script.ts", [
        "--node-modules-dir=manual",
        "--vendor",
        "--cached-only",
        "--no-remote",
      ]],
      ["run --preload p.ts --import npm:x --require c.cjs script.ts", [
        "--preload=/at/p.ts",
        "--import=npm:x",
        "--require=/at/c.cjs",
      ]],
      ["run --seed 3 --location http://a/ --conditions dev --cert ca.pem script.ts", [
        "--seed=3",
        "--location=http://a/",
        "--conditions=dev",
        "--cert=/at/ca.pem",
      ]],
      // What the process had to itself.
      [
        "run -R=/x -W --allow-net=a.org -E --watch --watch-exclude=x --check --reload --env-file=.env script.ts",
        [],
      ],
      ["run -L debug --quiet --no-prompt --no-check -r -I=x script.ts", []],
      ["test -A --parallel --filter seed --seed 3 script.ts", ["--seed=3"]],
      ["eval --config a.json script.ts x", ["--config=/at/a.json"]],
      ["run -A -- script.ts a", []],
    ];
    for (const [line, expected] of cases) assertEquals(carried(line), expected, line);
  });

  it("says what cannot be carried and could make a difference, also what is not known", () => {
    const said = (line: string) => carriedOptions(["deno", ...line.split(" ")], [], "/at")!.said.join("; ");
    assertEquals(said("run -A --ext ts --inspect-brk=:9 script").match(/--[a-z-]+ \(/g), [
      "--ext (",
      "--inspect-brk (",
    ]);
    assertEquals(said("run -A --deny-net=a --ignore-env script").match(/--[a-z-]+ \(/g), [
      "--deny-net (",
      "--ignore-env (",
    ]);
    assertEquals(
      said("run --some-new-flag value -Z script"),
      [
        "--some-new-flag (furu does not know it)",
        "-Z (furu does not know it)",
      ].join("; "),
    );
    assertEquals(said("test --fail-fast --some-flag script"), "", "other commands have options of their own");
  });

  it("knows where Deno looked for a configuration", () => {
    const inFolder = (line: string) => carriedOptions(["deno", ...line.split(" ")], [], "/at")!.inFolder;
    assertEquals(["test -A x.ts", "-q eval x", "run test", "serve x.ts", "x.ts"].map(inFolder), [
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it("says which files it cannot find where the folder is not known", () => {
    const words = ["deno", "run", "--config", "a.json", "--cert=/c.pem", "--seed=1", "script.ts"];
    const { options, said } = carriedOptions(words, [], undefined)!;
    assertEquals(options, ["--cert=/c.pem", "--seed=1"]);
    assertEquals(said, ["--config (where a.json is is not known)"]);
  });

  it("gives up where what follows the script is not what the script saw", () => {
    assertEquals(carriedOptions(["deno", "run", "script.ts", "a"], ["b"], "/at"), undefined);
    assertEquals(carriedOptions(["something else"], ["a", "b"], "/at"), undefined);
  });
});
