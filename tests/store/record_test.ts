import { assert, assertEquals, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Hash } from "../../lib/core/hash.ts";
import { hashText } from "../../lib/core/hash.ts";
import { StoreError } from "../../lib/core/errors.ts";
import {
  isPlainlyGood,
  parseClaimRecord,
  parseEndRecord,
  parseSuccessRecord,
  withSum,
} from "../../lib/store/record.ts";

const hashed = (identity: string) => hashText(identity).slice(0, 32) as Hash;
const record = (identity: string, more = "") =>
  `{"schema":1,"identity":${identity},"attempt":1,"id":"0a","files":false,"value":1,"createdAt":"","durationMs":0,` +
  `"provenance":{}${more}}`;

describe("record", () => {
  it("a success record is good when its identity hashes to its file's name, whatever the order of its keys", () => {
    const canonical = '{"params":{"a":1,"b":[1,2]},"scheme":1,"task":"t/T"}';
    const key = { name: "t/T", hash: hashed(canonical) };
    for (const identity of [canonical, '{"task":"t/T","params":{"b":[1,2],"a":1},"scheme":1}']) {
      assertEquals(parseSuccessRecord(record(identity), "/r", key).value, 1);
    }
  });

  it("an identity of an older scheme stays readable: it is hashed as it is stored", () => {
    const identity = '{"params":{},"scheme":0,"task":"t/T"}';
    parseSuccessRecord(record(identity), "/r", { name: "t/T", hash: hashed(identity) });
  });

  it("fields that a later furu adds to a record do no harm", () => {
    const identity = '{"params":{},"scheme":1,"task":"t/T"}';
    const key = { name: "t/T", hash: hashed(identity) };
    assertEquals(parseSuccessRecord(record(identity, ',"later":1'), "/r", key).attempt, 1);
  });

  it("a record under another task's or another hash's name is refused with its path", () => {
    const identity = '{"params":{},"scheme":1,"task":"t/T"}';
    const hash = hashed(identity);
    for (const key of [{ name: "t/U", hash }, { name: "t/T", hash: hashed("x") }]) {
      assertThrows(
        () => parseSuccessRecord(record(identity), "/some/r.json", key),
        StoreError,
        "/some/r.json",
      );
    }
  });

  it("claims and ends that are not what they must be are refused with their path and the field", () => {
    for (const parse of [parseClaimRecord, parseEndRecord]) {
      for (const text of ["", "{", "null", "3", "[]", '{"schema":1}', '{"schema":9}', '"schema"']) {
        assertThrows(() => parse(text, "/some/file.json"), StoreError, "/some/file.json");
      }
    }
    const claim = {
      schema: 1,
      id: "../x",
      attempt: 1,
      owner: { host: "h", pid: 1 },
      backend: "",
      startedAt: "",
      leaseSec: 1,
    };
    assertThrows(() => parseClaimRecord(JSON.stringify(claim), "/f"), StoreError, "id");
    assertEquals(parseClaimRecord(JSON.stringify({ ...claim, id: "x" }), "/f").id, "x");
    assertThrows(
      () => parseClaimRecord(JSON.stringify({ ...claim, id: "x", leaseSec: 0 }), "/f"),
      StoreError,
      "leaseSec",
    );
  });

  it("with its checksum a record is told from any text that has a byte more, less or another", () => {
    const identity = '{"params":{"a":1},"scheme":1,"task":"t/T"}';
    const key = { name: "t/T", hash: hashed(identity) };
    const value = String.raw`",\"sum\":\"0123abcd\"}"`;
    const text = withSum(record(identity).replace('"value":1', `"value":${value}`));
    parseSuccessRecord(text, "/f", key);
    assert(isPlainlyGood(text, identity));
    // Without the checksum's own name it is a record of before there were any.
    for (let i = 0; i < text.lastIndexOf('"sum":'); i++) {
      const [before, after] = [text.slice(0, i), text.slice(i)];
      for (
        const changed of [
          before,
          before + after.slice(1),
          `${before}~${after.slice(1)}`,
          `${before}0${after}`,
        ]
      ) {
        assertThrows(() => parseSuccessRecord(changed, "/f", key), StoreError);
        assertEquals(isPlainlyGood(changed, identity), false);
      }
    }
  });

  it("what is not plainly good is left to the reader: files, another identity, an escaped run, no checksum", () => {
    const identity = '{"params":{},"scheme":1,"task":"t/T"}';
    assertEquals(isPlainlyGood(record(identity), identity), false);
    assertEquals(isPlainlyGood(withSum(record(identity)), identity), true);
    assertEquals(isPlainlyGood(withSum(record(identity)), '{"params":{},"scheme":1,"task":"t/U"}'), false);
    assertEquals(isPlainlyGood(withSum(record(identity)), ""), false);
    assertEquals(isPlainlyGood(withSum(record(identity).replace("false", "true")), identity), false);
  });
});
