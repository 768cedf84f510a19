import { assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ExecutionError } from "../../../lib/core/errors.ts";
import { furuGlobals } from "../../../lib/core/globals.ts";
import { checkSelfStart } from "../../../lib/worker/child/check_self_start.ts";

describe("workers of a compiled script", () => {
  it("are refused while it has not called main(), since they would run it again", () => {
    const error = assertThrows(() => checkSelfStart(true), ExecutionError, "main(import.meta, roots)");
    if (!error.message.includes('isolation: "inline"')) throw error;
  });

  it("are its own commands once it has", () => {
    furuGlobals().hasCommands = true;
    try {
      checkSelfStart(true);
    } finally {
      furuGlobals().hasCommands = false;
    }
    assertThrows(() => checkSelfStart(true), ExecutionError);
  });

  it("are no matter for a script that Deno runs from its file", () => checkSelfStart());
});
