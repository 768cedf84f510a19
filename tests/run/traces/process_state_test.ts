import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { describe, it } from "@std/testing/bdd";

const repository = new URL("../../../", import.meta.url);

/** Looks at the umask, which is changed meanwhile, without the call that sets it to 0 for a moment. */
const SCRIPT = `
import { ProcessState } from "${new URL("lib/run/traces/process_state.ts", repository)}";
const umask = Deno.umask;
umask(0o027);
let asked = 0;
Deno.umask = (...args) => {
  if (args.length === 0) asked++;
  return umask(...args);
};
const state = new ProcessState();
const before = state.holds();
Deno.umask(0o077);
const changed = state.holds();
state.restore();
console.log(JSON.stringify({ asked, before, changed, after: state.holds(), umask: umask(0) }));
`;

describe("ProcessState", () => {
  it("reads the umask without setting it, since other threads would see that", async () => {
    const path = await Deno.makeTempFile({ suffix: ".ts" });
    try {
      await Deno.writeTextFile(path, SCRIPT);
      const { stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--config", fromFileUrl(new URL("deno.json", repository)), path],
        stderr: "inherit",
      }).output();
      assertEquals(JSON.parse(new TextDecoder().decode(stdout)), {
        asked: 0,
        before: true,
        changed: false,
        after: true,
        umask: 0o027,
      });
    } finally {
      await Deno.remove(path);
    }
  });
});
