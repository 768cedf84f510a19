import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { createLogger } from "../../lib/ui/logger.ts";

const noon = new Date(2026, 10, 20, 12, 3, 4).getTime();

describe("createLogger()", () => {
  it("writes time, level, message and fields", () => {
    const lines: string[] = [];
    const logger = createLogger({ write: (line) => lines.push(line), now: () => noon });
    logger.info("waiting", { owner: "pid 1 on h", age: 12, hash: "4f0c", none: undefined });
    logger.error("two\nlines", { error: new Error("boom"), nested: { a: [1, 2] } });
    assertEquals(lines, [
      '12:03:04 info  waiting owner="pid 1 on h" age=12 hash=4f0c',
      "12:03:04 error two lines error=boom nested={ a: [ 1, 2 ] }",
    ]);
  });

  it("drops what is below its level", () => {
    const lines: string[] = [];
    const logger = createLogger({ level: "warn", write: (line) => lines.push(line), now: () => noon });
    logger.debug("no");
    logger.info("no");
    logger.warn("yes");
    assertEquals(lines, ["12:03:04 warn  yes"]);
  });
});
