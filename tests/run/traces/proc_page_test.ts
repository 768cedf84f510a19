import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ProcPage, STAT_PAGE, STATUS_PAGE } from "../../../lib/run/traces/proc_page.ts";

describe("ProcPage", () => {
  it("reads the page as it is now, kept open or not", async () => {
    const path = await Deno.makeTempFile();
    try {
      const page = new ProcPage(path, /^\d+\n$/);
      Deno.writeTextFileSync(path, "1\n");
      assertEquals(page.text(), "1\n");
      page.keepOpen();
      Deno.writeTextFileSync(path, "22\n");
      assertEquals(page.text(), "22\n");
    } finally {
      await Deno.remove(path);
    }
  });

  it("asks the system again where what it keeps open does not look like the page", async () => {
    const path = await Deno.makeTempFile();
    try {
      const page = new ProcPage(path, /^\d+\n$/);
      page.keepOpen();
      assertEquals(page.text(), undefined);
      Deno.writeTextFileSync(path, "4\n");
      assertEquals(page.text(), "4\n");
    } finally {
      await Deno.remove(path);
    }
  });

  it("is nothing where the system has no such page", () => {
    const page = new ProcPage("/nowhere/page", /^/);
    page.keepOpen();
    assertEquals(page.text(), undefined);
  });

  it("knows how Linux's pages about this process begin", { ignore: Deno.build.os !== "linux" }, () => {
    assertEquals(Number(STAT_PAGE.text()?.split(" ")[0]), Deno.pid);
    assertEquals(/^Umask:/m.test(STATUS_PAGE.text() ?? ""), true);
  });
});
