import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { ValidationError } from "../../lib/core/errors.ts";
import { fencedName, parseWorkerDir, parseWorkerFile, queuePaths } from "../../lib/queue/layout.ts";
import {
  endsOf,
  errorFileName,
  formatTaskName,
  nextTaskName,
  parseTaskName,
} from "../../lib/queue/task_file.ts";
import { newWorkerId } from "../../lib/queue/worker_record.ts";
import { testMachine } from "../rig.ts";
import { hashNumber } from "./rig.ts";

const name = { hash: hashNumber(7), attempt: 3, lost: 2 };

describe("names", () => {
  it("the name of a task file says its hash, its attempt and how often it was lost", () => {
    assertEquals(formatTaskName(name), `${hashNumber(7)}.3.2.json`);
    assertEquals(parseTaskName(formatTaskName(name)), name);
    const raised = { ...name, lacked: "mt" };
    assertEquals(formatTaskName(raised), `${hashNumber(7)}.3.2.mt.json`);
    assertEquals(parseTaskName(formatTaskName(raised)), raised);
  });

  it("and its turn, where it has one", () => {
    for (const turn of [1, -4, 2_000_001]) {
      const own = { ...name, turn };
      assertEquals(formatTaskName(own), `${hashNumber(7)}.3.2.${turn}.json`);
      assertEquals(parseTaskName(formatTaskName(own)), own);
      assertEquals(nextTaskName(own, "lost"), { ...own, lost: 3 });
      assertEquals(errorFileName(formatTaskName(own)), `${hashNumber(7)}.3.2.${turn}.error.json`);
    }
    assertEquals(formatTaskName({ ...name, turn: 0 }), formatTaskName(name));
  });

  it("what is no name of a task file is refused", () => {
    const hash = hashNumber(7);
    const others = [
      `${hash}.0.0.json`,
      `${hash}.01.0.json`,
      `${hash}.1.00.json`,
      `${hash}.1.json`,
      `${hash}.1.0.error.json`,
      `${hash}.1.0.x.json`,
      `${hash}.1.0.m.error.json`,
      `${hash}.1.0.json.tmp`,
      `${hash}.1.0000000000.json`,
      `${hash}.1.0.0.json`,
      `${hash}.1.0.-0.json`,
      `${hash}.1.0.1.1.json`,
      `${hash.slice(1)}.1.0.json`,
      `${hash.slice(1)}G.1.0.json`,
      `.tmp-${hash}.1.0.json`,
      ` ${hash}.1.0.json`,
      `${hash}.1.0.json\n`,
      "",
    ];
    for (const other of others) assertEquals(parseTaskName(other), undefined, other);
  });

  it("after a failure of kind compute the attempt counts up, after a loss the other counter", () => {
    assertEquals(nextTaskName(name, "compute"), { ...name, attempt: 4 });
    assertEquals(nextTaskName(name, "lost"), { ...name, lost: 3 });
    assertEquals(nextTaskName(name, "memory"), { ...name, lacked: "m" });
    assertEquals(nextTaskName({ ...name, lacked: "m" }, "time"), { ...name, lacked: "mt" });
    assertEquals(endsOf({ ...name, lacked: "mt" }), 6);
  });

  it("how a task failed is beside it, under a name that is no task's", () => {
    assertEquals(errorFileName(formatTaskName(name)), `${hashNumber(7)}.3.2.error.json`);
    assertEquals(parseTaskName(errorFileName(formatTaskName(name))), undefined);
  });

  it("a run id that cannot be a folder's name is refused", () => {
    for (const id of ["../x", "", ".hidden", "a/b"]) {
      assertThrows(() => queuePaths("/s", id), ValidationError);
    }
    assertEquals(queuePaths("/s", "r1").role.claim, "/s/runs/r1/controller.claim");
  });

  it("a worker's id has no dots, so that its folder, its files and a fenced folder are told apart", () => {
    const machine = testMachine();
    const self = { ...machine.self, host: "node-7.cluster.example.dead-1" };
    const id = newWorkerId({ ...machine, self }, { jobId: "12_3", name: "j", restarts: 0 });
    assertMatch(id, /^node-7-cluster-example-dead-1-\d+-j12-3-[0-9a-f]{12}$/);
    assertEquals(parseWorkerDir(id), { id, fenced: false });
    assertEquals(parseWorkerDir(fencedName(id, "0a1b")), { id, fenced: true });
    for (const kind of ["now", "end", "unfit"] as const) {
      assertEquals(parseWorkerFile(`${id}.${kind}.json`), { id, kind });
    }
    assertEquals(parseWorkerFile(`${id}.json`), { id, kind: "record" });
    for (const other of [`.tmp-${id}.json`, `${id}.txt`, id]) assertEquals(parseWorkerFile(other), undefined);
    for (const other of [`.nfs1`, `${id}.dead-`, `${id}.x`]) assertEquals(parseWorkerDir(other), undefined);
  });

  it("ids of workers differ, also in one process", () => {
    const machine = testMachine();
    assertEquals(new Set(Array.from({ length: 100 }, () => newWorkerId(machine))).size, 100);
  });
});
