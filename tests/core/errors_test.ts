import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import {
  ComputeError,
  ConfigError,
  errorCode,
  FuruError,
  furuErrorName,
  isLasting,
  isSystemError,
  lasting,
  PermanentError,
  ProtocolError,
  StoreError,
  ValidationError,
} from "../../lib/core/errors.ts";

describe("furuErrorName()", () => {
  it("tells furu's own errors by their brand, those of a user's subclasses as their class", () => {
    class MyError extends ComputeError {}
    assertEquals(furuErrorName(new ProtocolError("x")), "ProtocolError");
    assertEquals(furuErrorName(new FuruError("x")), "FuruError");
    assertEquals(furuErrorName(new MyError("x")), "ComputeError");
  });

  it("knows no error of another class that has the name of one of furu's", () => {
    class ProtocolError extends Error {
      override name = "ProtocolError";
    }
    assertEquals(furuErrorName(new ProtocolError("x")), undefined);
    for (const value of [undefined, null, "StoreError", { name: "StoreError" }]) {
      assertEquals(furuErrorName(value), undefined);
    }
  });
});

describe("errorCode()", () => {
  it("knows the system's codes, and no other code that an error may have", () => {
    const coded = (code: unknown) => errorCode(Object.assign(new Error("x"), { code }));
    assertEquals(["ENOENT", "EIO", "ESTALE", "EDQUOT"].map(coded), ["ENOENT", "EIO", "ESTALE", "EDQUOT"]);
    for (const code of ["ERR_ASSERTION", "23505", "EXPIRED", "enoent", "", 2, undefined]) {
      assertEquals(coded(code), undefined, `${code}`);
    }
    assertEquals([undefined, null, "EIO"].map(errorCode), [undefined, undefined, undefined]);
  });
});

describe("isSystemError()", () => {
  it("takes what furu itself could not do, not what a user's code met", () => {
    const cause = Object.assign(new Error("x"), { code: "EIO" });
    assertEquals(isSystemError(cause), true);
    assertEquals(isSystemError(new StoreError("Cannot read /x", { cause })), true);
    assertEquals(isSystemError(new ValidationError("'timeLimit' threw", { cause })), false);
    assertEquals(isSystemError(new ProtocolError("Cannot make x", { cause })), false);
    assertEquals(isSystemError(Object.assign(new Error("x"), { code: "ERR_ASSERTION" })), false);
  });
});

describe("isLasting()", () => {
  it("knows what trying again cannot help, also as the cause of another error", () => {
    class Broken extends PermanentError {}
    const wrapped = (cause: unknown) => new Error("outer", { cause: new Error("inner", { cause }) });
    for (
      const error of [
        new PermanentError("x"),
        new Broken("x"),
        lasting(new ValidationError("x")),
        new ConfigError("x"),
        new Deno.errors.NotCapable("x"),
      ]
    ) {
      assertEquals([isLasting(error), isLasting(wrapped(error))], [true, true], `${error}`);
    }
    class Named extends Error {
      override name = "PermanentError";
    }
    const circle = new Error("x");
    circle.cause = circle;
    for (
      const error of [new Named("x"), new TypeError("x"), new ValidationError("x"), circle, undefined, "x"]
    ) {
      assertEquals([isLasting(error), isLasting(wrapped(error))], [false, false], `${error}`);
    }
  });
});
