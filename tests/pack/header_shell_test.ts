import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { FIND } from "../../lib/pack/header_shell.ts";

describe("the shell part of a packed file", () => {
  it("takes ~ in FURU_CACHE_DIR for the user's home", async () => {
    for (const [given, folder] of [["~", "/h"], ["~/a b", "/h/a b"], ["/x/~", "/x/~"], ["", "/t"]] as const) {
      const { stdout } = await new Deno.Command("sh", {
        args: ["-c", `${FIND}\nshow() { printf %s "$1"; }\nfuru_each show`],
        env: { FURU_CACHE_DIR: given, HOME: "/h", TMPDIR: "/t" },
      }).output();
      assertEquals(new TextDecoder().decode(stdout), folder);
    }
  });
});
