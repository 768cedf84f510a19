import { assertEquals } from "@std/assert";
import { ComputeError, FuruError, furuErrorName, ProtocolError } from "../../lib/core/errors.ts";

Deno.test("furuErrorName() tells furu's own errors by their brand, those of a user's subclasses as their class", () => {
  class MyError extends ComputeError {}
  assertEquals(furuErrorName(new ProtocolError("x")), "ProtocolError");
  assertEquals(furuErrorName(new FuruError("x")), "FuruError");
  assertEquals(furuErrorName(new MyError("x")), "ComputeError");
});

Deno.test("furuErrorName() knows no error of another class that has the name of one of furu's", () => {
  class ProtocolError extends Error {
    override name = "ProtocolError";
  }
  assertEquals(furuErrorName(new ProtocolError("x")), undefined);
  for (const value of [undefined, null, "StoreError", { name: "StoreError" }]) {
    assertEquals(furuErrorName(value), undefined);
  }
});
