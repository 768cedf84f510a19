import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import type { Owner } from "../../lib/core/system/machine.ts";
import { Ages, isForgottenClaim, LEAST_AGE_MS } from "../../lib/tidy/ages.ts";
import { belongings } from "../../lib/tidy/attempts.ts";
import { isDeadName, isDeadOwner } from "../../lib/tidy/litter.ts";
import { privateName } from "../../lib/store/layout.ts";
import { testMachine } from "../rig.ts";

const NOW = 1e12;
const ages = new Ages(NOW);
const DAY = LEAST_AGE_MS;
const self: Owner = { host: "a", boot: "b", pidNamespace: "n", pid: 1, start: "5" };
const far: Owner = { ...self, host: "far", pid: 2 };
const near: Owner = { ...self, pid: 2 };
const slurm = { jobId: "7", name: "j", restarts: 0 };

describe("a claim that nobody beats for", () => {
  const TABLE: [what: string, Parameters<typeof isForgottenClaim>, boolean][] = [
    ["of another host, a day old", [{ owner: far, leaseSec: 120 }, { mtimeMs: NOW - DAY, ages, self }], true],
    [
      "of another host, younger",
      [{ owner: far, leaseSec: 120 }, { mtimeMs: NOW - DAY + 1, ages, self }],
      false,
    ],
    ["with a long lease: ten of them", [
      { owner: far, leaseSec: 20_000 },
      { mtimeMs: NOW - DAY, ages, self },
    ], false],
    ["of this host: it can be asked", [{ owner: near, leaseSec: 120 }, { mtimeMs: 0, ages, self }], false],
    ["of a Slurm job, which may be suspended", [
      { owner: far, leaseSec: 120, slurm },
      { mtimeMs: 0, ages, self },
    ], false],
    ["where the file server's time is not known", [
      { owner: far, leaseSec: 120 },
      { mtimeMs: 0, ages: new Ages(undefined), self },
    ], false],
    ["torn, so that its host is not known", [
      { owner: { host: "unknown", pid: 0 }, leaseSec: 120 },
      { mtimeMs: 0, ages, self },
    ], true],
  ];
  for (const [what, args, dead] of TABLE) {
    it(`${what}: ${dead ? "is dead" : "may live"}`, () => assertEquals(isForgottenClaim(...args), dead));
  }
});

describe("an owner folder", () => {
  const facts = { owner: far, isGone: false, claims: 0, mtimeMs: NOW - DAY, leaseSec: 120 };
  const TABLE: [what: string, facts: Parameters<typeof isDeadOwner>[0], litter: boolean][] = [
    ["of another host, a day old", facts, true],
    ["of another host, younger", { ...facts, mtimeMs: NOW - DAY + 1 }, false],
    ["with a claim", { ...facts, claims: 1 }, false],
    ["with a claim, of a process that is gone", { ...facts, isGone: true, claims: 1 }, false],
    ["of a process that is gone", { ...facts, owner: near, isGone: true, mtimeMs: NOW }, true],
    ["of a process of this host that lives", { ...facts, owner: near, mtimeMs: 0 }, false],
    ["without an owner file, a day old", { ...facts, owner: undefined }, true],
    ["without an owner file, being made", { ...facts, owner: undefined, mtimeMs: NOW - 1000 }, false],
  ];
  for (const [what, each, litter] of TABLE) {
    it(`${what}: ${litter ? "goes" : "stays"}`, () => {
      assertEquals(isDeadOwner(each, { ages, self }), litter);
    });
  }
});

describe("a private name", () => {
  const machine = testMachine({ machine: { self: near, isGone: ({ pid }) => pid === 9 } });
  const nameOf = (owner: Owner) => privateName("", "tmp", testMachine({ machine: { self: owner } }));
  const TABLE: [what: string, name: string, mtimeMs: number, litter: boolean][] = [
    ["of a process that is gone", nameOf({ ...near, pid: 9 }), NOW, true],
    ["of a process that lives, however old", nameOf(near), 0, false],
    ["of another host, a day old", nameOf(far), NOW - DAY, true],
    ["of another host, younger", nameOf(far), NOW - DAY + 1, false],
    ["that is none", ".tmp-x", 0, false],
    ["a record", `${"0".repeat(32)}.json`, 0, false],
  ];
  for (const [what, name, mtimeMs, litter] of TABLE) {
    it(`${what}: ${litter ? "goes" : "stays"}`, () => {
      assertEquals(isDeadName(name, { machine, ages, mtimeMs, leaseSec: 120 }), litter);
    });
  }
});

describe("belongings()", () => {
  const TABLE: [what: string, names: string[], recordId: string | undefined, Record<string, string>][] = [
    ["the result's own files and log", ["1-aa", "1-aa.log"], "aa", { "1-aa": "own", "1-aa.log": "own" }],
    ["an attempt that failed before", ["2-aa", "1-bb", "1-bb.log", "end-bb.json", "1-bb.checkpoint"], "aa", {
      "2-aa": "own",
      "1-bb": "failed",
      "1-bb.log": "failed",
      "end-bb.json": "failed",
      "1-bb.checkpoint": "failed",
    }],
    ["a result that was replaced, with its files", ["2-aa", "1-bb", "1-bb.log", "1-bb.replaced.json"], "aa", {
      "2-aa": "own",
      "1-bb": "replaced",
      "1-bb.log": "replaced",
      "1-bb.replaced.json": "replaced",
    }],
    [
      "a damaged record has the name of the attempt that found it",
      ["2-aa", "2-aa.damaged.json", "1-bb"],
      "aa",
      {
        "2-aa": "own",
        "2-aa.damaged.json": "replaced",
        "1-bb": "replaced",
      },
    ],
    ["a checkpoint of the one that succeeded", ["1-aa", "1-aa.checkpoint"], "aa", {
      "1-aa": "own",
      "1-aa.checkpoint": "failed",
    }],
    ["nothing is stored", ["1-bb", "1-bb.log", "end-bb.json"], undefined, {
      "1-bb": "failed",
      "1-bb.log": "failed",
      "end-bb.json": "failed",
    }],
    ["names of nobody", ["queued.json", "notes.txt", ".tmp-x"], "aa", {
      "queued.json": "none",
      "notes.txt": "none",
      ".tmp-x": "none",
    }],
  ];
  for (const [what, names, recordId, expected] of TABLE) {
    it(what, () => {
      const found = belongings(names, recordId);
      assertEquals(Object.fromEntries([...found].map(([name, { belongs }]) => [name, belongs])), expected);
    });
  }
});
