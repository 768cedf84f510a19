import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { fromFileUrl } from "@std/path/from-file-url";
import { join } from "@std/path/join";
import { describe, it } from "@std/testing/bdd";
import { checkPackable } from "../../lib/pack/pack.ts";
import { PackError } from "../../lib/pack/pack_error.ts";

describe("packing", () => {
  it("is for Linux, and names the system that it is refused on", () => {
    checkPackable({ os: "linux", standalone: false });
    assertThrows(
      () => checkPackable({ os: "darwin", standalone: false }),
      PackError,
      "Cannot pack on darwin",
    );
  });

  it("is refused in a compiled program", () => {
    assertThrows(() => checkPackable({ os: "linux", standalone: true }), PackError, "was compiled");
  });
});

describe("deno task compile", () => {
  it("makes nothing with a runtime image that is another program's, and names it", async () => {
    const folder = await Deno.makeTempDir();
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "lib/pack/compile.ts", "-o", join(folder, "furu")],
      cwd: fromFileUrl(new URL("../../", import.meta.url)),
      env: { DENORT_BIN: "/bin/true" },
      stdout: "null",
      stderr: "piped",
    }).output();
    const text = new TextDecoder().decode(stderr);
    assertEquals(code, 1, text);
    assertMatch(
      text,
      /Cannot compile .*furu with the runtime image \/bin\/true \(DENORT_BIN\): .*does not start/,
    );
    assertEquals([...Deno.readDirSync(folder)], []);
    await Deno.remove(folder, { recursive: true });
  });
});
