import { assertEquals, assertRejects } from "@std/assert";
import { toFileUrl } from "@std/path/to-file-url";
import { describe, it } from "@std/testing/bdd";
import { createHash } from "node:crypto";
import { digest } from "../../../lib/core/json/digest.ts";
import { FuruError } from "../../../lib/core/errors.ts";

describe("digest()", () => {
  it("is the SHA-256 of a file larger than what is read at once, by path or URL", async () => {
    const path = await Deno.makeTempFile();
    try {
      const bytes = crypto.getRandomValues(new Uint8Array(65_536));
      const whole = new Uint8Array(600_001);
      for (let at = 0; at < whole.length; at += bytes.length) {
        whole.set(bytes.subarray(0, whole.length - at), at);
      }
      await Deno.writeFile(path, whole);
      const expected = createHash("sha256").update(whole).digest("hex");
      assertEquals(await digest(path), expected);
      assertEquals(await digest(toFileUrl(path)), expected);
    } finally {
      await Deno.remove(path);
    }
  });

  it("names a file that is not there, and a folder", async () => {
    await assertRejects(
      () => digest("/nowhere/x"),
      FuruError,
      "Cannot compute the digest of file '/nowhere/x'",
    );
    await assertRejects(() => digest("/"), FuruError, "file '/'");
  });
});
