import { assertThrows } from "@std/assert";
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
