import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { join } from "@std/path/join";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { exists, textOf, until } from "../rig.ts";
import { describeOnSlurm } from "../slurm/suite.ts";
import { itIsFuru, itIsThePipelinesProgram, itRunsOnSlurm } from "./program_suite.ts";
import { ProgramRig, unpacked } from "./rig.ts";

let rig: ProgramRig;
const getRig = () => rig;

// Packing takes a while: all share the programs.
describe("one file", () => {
  beforeAll(async () => {
    rig = await ProgramRig.packed();
  });
  afterAll(async () => await rig[Symbol.asyncDispose]());

  describe("a program packed into one file", () => {
    itIsFuru(getRig);
    itIsThePipelinesProgram(getRig);

    it("says what to do about a configuration that it cannot keep", async () => {
      const path = rig.write("kept out/pipeline.ts", "export default [];");
      rig.write("kept out/deno.json", "{}");
      const FURU_CACHE_DIR = rig.freshCache();
      await rig.run(["--version"], { env: { FURU_CACHE_DIR } });
      const code = unpacked(FURU_CACHE_DIR).find((name) => name.startsWith("code-"))!;
      // A file where the folder should be.
      Deno.writeTextFileSync(join(FURU_CACHE_DIR, `furu-${Deno.uid()}`, code, "config"), "");
      const { code: exit, stderr } = await rig.run(["plan", path], { env: { FURU_CACHE_DIR } });
      assertEquals(exit, 1);
      assertMatch(stderr, /Cannot keep what .*kept out\/deno\.json says in .*; FURU_CACHE_DIR may name/);
    });

    it("leaves nothing of its own in the environment of tasks", async () => {
      const options = {
        file: rig.pipeline,
        env: { FURU_PATH: join(rig.folder, "store of mine"), DENO_DIR: "/mine" },
      };
      const got = await rig.run(["get", "packed/Sum", "--set", "rows.seed=1"], options);
      assertEquals(JSON.parse(got.stdout).env, ["DENO_DIR"], got.output);
    });

    it("can pack a pipeline, without a network", async () => {
      const path = rig.write(
        "again/pipeline.ts",
        `import { main } from "@furu/furu"; main(import.meta, []); export default [];`,
      );
      const file = join(rig.folder, "again/program");
      const made = await rig.run(["pack", path, "-o", file]);
      assertEquals(made.code, 0, made.output);
      const planned = await rig.run(["plan", "--json"], { file });
      assertEquals(planned.code, 0, planned.output);
      await Deno.remove(file);
    });

    it("is never made in the place of what goes into it, and says why it cannot be written", async () => {
      const text = `import "./part.ts"; export default [];`;
      const path = rig.write("kept/pipeline.ts", text);
      const part = rig.write("kept/part.ts", "");
      await Deno.symlink(path, join(rig.folder, "kept/link"));
      for (const output of [path, part, join(rig.folder, "kept/link")]) {
        const { code, stderr } = await rig.run(["pack", path, "-o", output]);
        assertEquals(code, 1, stderr);
        assertStringIncludes(stderr, `Cannot make ${output} as that file is a part of what is packed`);
      }
      assertEquals(textOf(path), text);
      assertEquals(textOf(part), "");
      const { code, stderr } = await rig.run(["pack", path, "-o", join(rig.folder, "kept")]);
      assertEquals(code, 1);
      assertMatch(stderr, /^furu pack: Cannot make .*kept: .*[Dd]irectory.*\n$/);
      assertEquals([...Deno.readDirSync(rig.folder)].filter(({ name }) => name.startsWith(".furu-pack")), []);
    });

    it("runs a script that does not call main(), and never again as its own worker", async () => {
      const path = rig.write(
        "plain/script.ts",
        `import { defineTask, get, runLocal, z } from "@furu/furu";
const One = defineTask({ name: "plain/One", params: z.object({}), create: () => 1 });
if (import.meta.main) {
  await runLocal([One({})], { progress: "none" });
  console.log("one is", await get(One({})));
}
`,
      );
      const file = join(rig.folder, "plain/program");
      const made = await rig.run(["pack", path, "-o", file]);
      assertEquals(made.code, 0, made.output);
      const { code, stdout, output } = await rig.run([], { file });
      assertEquals({ code, stdout }, { code: 0, stdout: "one is 1\n" }, output);
      const worker = await rig.run(["worker", "--run", join(rig.folder, "no run")], { file });
      assertEquals({ code: worker.code, stdout: worker.stdout }, { code: 2, stdout: "" }, worker.output);
      assertStringIncludes(worker.stderr, "no run");
      await Deno.remove(file);
    });

    it("starts through a link, and with a file that may not be written", async () => {
      await Deno.symlink(rig.furu, join(rig.folder, "link to furu"));
      await Deno.chmod(rig.furu, 0o555);
      const { code, output } = await rig.run(["--version"], { file: join(rig.folder, "link to furu") });
      await Deno.chmod(rig.furu, 0o755);
      assertEquals(code, 0, output);
    });
  });

  describe("the first start of a packed program", () => {
    it("unpacks once when many start at the same time", async () => {
      const FURU_CACHE_DIR = rig.freshCache();
      const ended = await Promise.all(
        Array.from({ length: 8 }, () => rig.run(["--version"], { env: { FURU_CACHE_DIR } })),
      );
      for (const { code, output } of ended) assertEquals(code, 0, output);
      const names = unpacked(FURU_CACHE_DIR);
      assertEquals(names.map((name) => name.split("-")[0]), ["code", "deno"]);
    });

    it("takes over from one that was killed in the middle", async () => {
      const FURU_CACHE_DIR = rig.freshCache();
      const first = rig.start(["--version"], { env: { FURU_CACHE_DIR } });
      const began = () =>
        exists(join(FURU_CACHE_DIR, `furu-${Deno.uid()}`)) &&
        unpacked(FURU_CACHE_DIR).some((name) => name.startsWith(".deno"));
      await until(began, "it unpacks");
      first.kill("SIGKILL");
      await first.ended();
      const { code, output } = await rig.run(["--version"], { env: { FURU_CACHE_DIR } });
      assertEquals(code, 0, output);
      assertEquals(unpacked(FURU_CACHE_DIR).map((name) => name.split("-")[0]), ["code", "deno"]);
    });

    it("takes over once, however many see that the one before was killed", async () => {
      const FURU_CACHE_DIR = rig.freshCache();
      // All of them look again at once, and meet.
      const env = { FURU_CACHE_DIR, PATH: `${slowPrograms(rig, 0.02)}:${join(rig.folder, "bin")}` };
      const base = join(FURU_CACHE_DIR, `furu-${Deno.uid()}`);
      const all = Array.from({ length: 12 }, () => rig.start(["--version"], { env }));
      const holder = () => {
        try {
          const lock = unpacked(FURU_CACHE_DIR).find((name) => name.startsWith(".deno"))!;
          return textOf(join(base, lock, "pid")).trim();
        } catch {
          return ""; // nobody at the moment
        }
      };
      const killed = new Set<string>();
      while (killed.size < 3) {
        await until(() => holder() !== "" && !killed.has(holder()), "one of them unpacks");
        killed.add(holder());
        Deno.kill(Number(holder()), "SIGKILL");
      }
      const codes = (await Promise.all(all.map((each) => each.ended()))).map(({ code }) => code);
      assertEquals(codes.toSorted((a, b) => a - b), [...Array(9).fill(0), ...Array(3).fill(137)]);
      assertEquals(unpacked(FURU_CACHE_DIR).map((name) => name.split("-")[0]), ["code", "deno"]);
    });

    it("waits for one that is slow, and takes over from one that stands still, which may then go on", async () => {
      // Waiting takes no time: the minute of patience is over in about a second, long before the file is written.
      const slow = slowPrograms(rig, 0);
      const env = () => ({ FURU_CACHE_DIR: rig.freshCache(), PATH: `${slow}:${join(rig.folder, "bin")}` });
      const shared = env();
      const ended = await Promise.all([1, 2, 3].map(() => rig.run(["--version"], { env: shared })));
      for (const { code, output } of ended) assertEquals(code, 0, output);

      const still = env();
      const first = rig.start(["--version"], { env: still });
      const base = join(still.FURU_CACHE_DIR, `furu-${Deno.uid()}`);
      const isHeld = (name: string) =>
        name.startsWith(".deno") &&
        [...Deno.readDirSync(join(base, name))].some(({ name }) => name.startsWith("new-"));
      await until(() => exists(base) && unpacked(still.FURU_CACHE_DIR).some(isHeld), "it unpacks");
      first.kill("SIGSTOP");
      const { code, output } = await rig.run(["--version"], { env: still });
      assertEquals(code, 0, output);
      first.kill("SIGCONT");
      const late = await first.ended();
      assertEquals(late.code, 0, late.output);
      assertEquals(unpacked(still.FURU_CACHE_DIR).map((name) => name.split("-")[0]), ["code", "deno"]);
    });

    it("repairs what somebody has removed a part of", async () => {
      const FURU_CACHE_DIR = rig.freshCache();
      const env = { FURU_CACHE_DIR };
      await rig.run(["--version"], { env });
      const base = join(FURU_CACHE_DIR, `furu-${Deno.uid()}`);
      for (const name of unpacked(FURU_CACHE_DIR)) Deno.removeSync(join(base, name, "complete"));
      const { code, output } = await rig.run(["--version"], { env });
      assertEquals(code, 0, output);
      assertEquals(unpacked(FURU_CACHE_DIR).length, 2);
    });

    it("is looked after: what has not been used for a day is made younger, the mark that it is complete first", async () => {
      const FURU_CACHE_DIR = rig.freshCache();
      const env = { FURU_CACHE_DIR };
      const path = (name: string) => {
        const base = join(FURU_CACHE_DIR, `furu-${Deno.uid()}`);
        return join(base, unpacked(FURU_CACHE_DIR).find((each) => each.startsWith("code-"))!, name);
      };
      await rig.run(["--version"], { env });
      const names = ["complete", "code/furu/mod.ts"];
      const age = (name: string) => Date.now() - Deno.statSync(path(name)).mtime!.getTime();
      for (const name of names) Deno.utimeSync(path(name), 1, 1);
      const planned = await rig.run(["plan", rig.write("young/deno.ts", "export default [];")], { env });
      assertEquals(planned.code, 0, planned.output);
      for (const name of names) assert(age(name) < 60_000, name);
    });

    it("removes what other programs have unpacked there and not used for a month", async () => {
      const FURU_CACHE_DIR = rig.freshCache();
      const base = join(FURU_CACHE_DIR, `furu-${Deno.uid()}`);
      const day = 86_400_000;
      for (const [name, days] of Object.entries({ "code-old": 31, "code-young": 29, "deno-old": 31 })) {
        Deno.mkdirSync(join(base, name), { recursive: true, mode: 0o700 });
        const complete = join(base, name, "complete");
        Deno.writeTextFileSync(complete, "");
        Deno.utimeSync(complete, new Date(), new Date(Date.now() - days * day));
      }
      // What was left on another machine, whose processes nobody here knows.
      for (const name of [".deno-1-far-1", ".old-1", ".code-1-far-2"]) {
        Deno.mkdirSync(join(base, name));
        Deno.writeTextFileSync(join(base, name, "pid"), "1");
        if (name !== ".code-1-far-2") Deno.utimeSync(join(base, name), 1, 1);
      }
      const { code, output } = await rig.run(["--version"], { env: { FURU_CACHE_DIR } });
      assertEquals(code, 0, output);
      const names = unpacked(FURU_CACHE_DIR);
      assertEquals(names.filter((name) => /old|young|-far-/.test(name)), [".code-1-far-2", "code-young"]);
      assertEquals(names.length, 4);
    });

    it("goes into the folder for temporary files, readable for nobody else, with no home or one that it cannot write", async () => {
      const TMPDIR = await Deno.makeTempDir({ dir: rig.folder });
      const file = await rig.packUnique();
      for (const HOME of [undefined, "/dev/null/nobody"]) {
        const env = { FURU_CACHE_DIR: undefined, TMPDIR, HOME };
        const { code, output } = await rig.run(["--version"], { env, file });
        assertEquals(code, 0, output);
      }
      assertEquals(unpacked(TMPDIR).length, 2);
      assertEquals(Deno.statSync(join(TMPDIR, `furu-${Deno.uid()}`)).mode! & 0o777, 0o700);
    });

    it("never uses a folder that somebody else made", {
      ignore: Deno.uid() !== 0, // only root can make one
    }, async () => {
      const cache = await Deno.makeTempDir({ dir: rig.folder });
      const theirs = join(cache, "furu-0");
      await Deno.mkdir(theirs);
      await Deno.chown(theirs, 12345, 12345);
      const { code, stderr } = await rig.run(["--version"], { env: { FURU_CACHE_DIR: cache } });
      assertEquals(code, 1);
      assertStringIncludes(stderr, `${theirs}: somebody else made it`);
      assertEquals([...Deno.readDirSync(theirs)], []);
    });

    it("says that the file is damaged, whichever byte of it is, and runs nothing", async () => {
      const bytes = await Deno.readFile(rig.furu);
      const text = new TextDecoder("latin1").decode(bytes.subarray(0, 60_000));
      const placeOf = (part: string) => text.indexOf(part);
      const places = {
        "a comment of the shell part": placeOf("furu, packed"),
        "the shell part": placeOf("furu_publish()"),
        "what unpacks": placeOf("const [file, offset"),
        "the list of files": placeOf('[["code/'),
        "the code": bytes.length - 97_000_000,
        "Deno": bytes.length - 40_000_000,
        "the end": bytes.length - 10,
      };
      const file = join(rig.folder, "damaged");
      await Deno.writeFile(file, bytes, { mode: 0o755 });
      for (const [what, at] of Object.entries(places)) {
        assert(at > 0, what);
        await flip(file, at);
        const { code, stdout, stderr } = await rig.run(["--version"], {
          file,
          env: { FURU_CACHE_DIR: rig.freshCache() },
        });
        await flip(file, at);
        assertEquals({ code, stdout }, { code: 1, stdout: "" }, what);
        assertStringIncludes(stderr, `Cannot start ${file} as it is damaged`, what);
      }
      await Deno.truncate(file, bytes.length - 1);
      const { code, stderr } = await rig.run(["--version"], { file });
      assertEquals(code, 1);
      assertStringIncludes(stderr, `it has ${bytes.length - 1} bytes where ${bytes.length} are needed`);
    });
  });

  describeOnSlurm("a program packed into one file, on Slurm", (suite) => {
    itRunsOnSlurm(suite, ["dag", "pool", "detached"], getRig);
  });
});

/** A folder with a `head` that takes 3 s to copy Deno, as on a slow file server, and a `sleep` of so many seconds. */
function slowPrograms(rig: ProgramRig, pause: number): string {
  const folder = Deno.makeTempDirSync({ dir: rig.folder, prefix: "slow-" });
  const [head, sleep] = ["head", "sleep"].map((name) => join(rig.folder, "bin", name));
  const text = `#!/bin/sh
[ "$2" -gt 50000000 ] || exec '${head}' "$@"
left=$2
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
  '${head}' -c 1000000 && '${sleep}' 0.2
  left=$((left - 1000000))
done
exec '${head}' -c "$left"
`;
  Deno.writeTextFileSync(join(folder, "head"), text, { mode: 0o755 });
  Deno.writeTextFileSync(join(folder, "sleep"), `#!/bin/sh\nexec '${sleep}' ${pause}\n`, { mode: 0o755 });
  return folder;
}

async function flip(path: string, at: number): Promise<void> {
  using file = await Deno.open(path, { read: true, write: true });
  const byte = new Uint8Array(1);
  await file.seek(at, Deno.SeekMode.Start);
  await file.read(byte);
  byte[0]! ^= 1;
  await file.seek(at, Deno.SeekMode.Start);
  await file.write(byte);
}
