import { assertEquals, assertStringIncludes } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { lasting, SlurmError } from "../../../lib/core/errors.ts";
import { decideFleet, type FleetEvent, noteFleet } from "../../../lib/pool/fleet/decide_fleet.ts";
import {
  type FleetAction,
  type FleetObservation,
  type FleetSettings,
  type FleetWorker,
  newFleetState,
} from "../../../lib/pool/fleet/fleet_state.ts";
import type {
  JobsAnswer,
  LossReason,
  Refusal,
  WorkerJob,
  WorkerJobState,
} from "../../../lib/pool/launcher.ts";

const SETTINGS: FleetSettings = {
  specs: ["cpu", "gpu"],
  limits: { maxWorkers: 2, tasksPerWorker: 1 },
  canSubmit: true,
  needsStandby: false,
  excessMs: 3000,
  roundMs: 1000,
  leaseMs: 120_000,
  staleAfterSec: 60,
  refusalMs: 3600_000,
  runId: "run-1",
};

interface Look {
  jobs?: readonly WorkerJob[];
  /** What of earlier submissions was refused. */
  refused?: JobsAnswer["refused"];
  silence?: JobsAnswer["silence"];
  strangers?: readonly string[];
  /** What the launcher threw instead. */
  error?: unknown;
  workers?: readonly FleetWorker[];
  entered?: readonly string[];
  refusals?: Record<string, string>;
  tasks?: Record<string, number>;
  resultsReadAtSec?: number;
  isRunning?: boolean;
  controllerWorker?: string;
}

function job(
  key: string,
  state: WorkerJobState,
  { spec = "gpu", node = key, id = key, askedAt }: Partial<WorkerJob> = {},
): WorkerJob {
  return { key, id, spec, order: Number(/\d+/.exec(key)?.[0] ?? 0), node, state, askedAt };
}
const pending = (key: string, text = "PENDING", inTurn = false): WorkerJob =>
  job(key, { status: "pending", text, inTurn });
const running = (key: string, where: Partial<WorkerJob> = {}): WorkerJob =>
  job(key, { status: "running", text: "RUNNING" }, where);
const dead = (key: string, where: Partial<WorkerJob> = {}, loss?: LossReason): WorkerJob =>
  job(key, { status: "dead", text: "FAILED", ...(loss === undefined ? {} : { loss }) }, where);
const worker = (id: string, spec = "gpu", more: Partial<FleetWorker> = {}): FleetWorker => ({
  id,
  spec,
  ...more,
});

/** A fleet that is looked at again and again. The first look, at 0 s, sees nothing. */
class Play {
  state = newFleetState(false);
  readonly #settings: FleetSettings;

  constructor(settings: Partial<FleetSettings> = {}) {
    this.#settings = { ...SETTINGS, ...settings };
    this.look(0, {});
  }

  /** One look, at so many seconds. @returns What is to be done. */
  look(
    atSec: number,
    { jobs = [], workers = [], entered = [], refusals = {}, tasks = {}, ...look }: Look,
  ): Text[] {
    const seen: FleetObservation = {
      at: atSec * 1000,
      answer: look.error === undefined
        ? { jobs, refused: look.refused, silence: look.silence }
        : { error: look.error },
      workers,
      workerOf: new Map(workers.flatMap((each) => each.job === undefined ? [] : [[each.job, each]])),
      entered: new Map([...entered, ...workers.flatMap((each) => each.job ?? [])].map((key) => [key, 0])),
      refusals: new Map(Object.entries(refusals)),
      tasks: new Map(Object.entries(tasks)),
      strangers: look.strangers ?? [],
      resultsReadAt: 1000 * (look.resultsReadAtSec ?? atSec),
      isRunning: look.isRunning ?? true,
      controllerWorker: look.controllerWorker,
    };
    const before = structuredClone({ ...this.state, specs: undefined });
    const { state, actions } = decideFleet(this.state, seen, this.#settings);
    assertEquals(
      structuredClone({ ...this.state, specs: undefined }),
      before,
      "the state before stays as it was",
    );
    this.state = state;
    return actions.map(text);
  }

  /** Something happens between two looks. */
  note(event: FleetEvent): Text[] {
    const { state, actions } = noteFleet(this.state, event, this.#settings);
    this.state = state;
    return actions.map(text);
  }

  get excluded(): string[] {
    return [...this.state.nodes.excluded.keys()];
  }
}

type Text = string;

function text(action: FleetAction): Text {
  switch (action.type) {
    case "submit":
      return `submit ${action.count} ${action.spec}`;
    case "cancelPending":
      return `cancel ${action.keys.join(" ")}`;
    case "drain":
      return `drain ${action.count} of ${action.workers.join(" ")}`;
    case "excludeNode":
      return `exclude ${action.node}: ${action.why}`;
    case "readmitNodes":
      return `readmit ${action.nodes.join(" ")}`;
    case "keepStandby":
      return `standby of ${action.alive.join(" ")}`;
    case "notify":
      return `${action.level}: ${action.text}`;
    case "failSpec":
    case "giveUp": {
      const parts = action.text.map((part) =>
        typeof part === "string" ? part : `<${part.key}: ${part.ended}>`
      );
      if (action.type === "failSpec") return `fail ${action.spec}: ${parts.join("")}`;
      return `give up: ${parts.join("") || (action.cause as Error).message}`;
    }
  }
}

describe("decideFleet()", () => {
  it("submits what the backlog calls for, and counts pending and running jobs", () => {
    const play = new Play();
    assertEquals(play.look(1, { tasks: { gpu: 5 } }), ["submit 2 gpu"]);
    assertEquals(play.look(2, { tasks: { gpu: 5 }, jobs: [pending("j1"), running("j2")] }), []);
  });

  it("submits and cancels nothing while nothing new begins", () => {
    assertEquals(new Play().look(1, { tasks: { gpu: 5 }, isRunning: false }), []);
  });

  it("counts a job and its worker once, and a worker that no launcher knows", () => {
    const play = new Play();
    const workers = [worker("w1", "gpu", { job: "j1" }), worker("by-hand")];
    assertEquals(play.look(1, { tasks: { gpu: 5 }, jobs: [running("j1")], workers }), []);
  });

  it("submits none for a job that has just ended, until it is told whether its worker had begun", () => {
    const play = new Play({ limits: { maxWorkers: 1, tasksPerWorker: 1 } });
    const look = { tasks: { gpu: 1 }, jobs: [dead("j1", {}, "preempted")] };
    assertEquals(play.look(1, { ...look, resultsReadAtSec: 0 }), []);
    assertEquals(play.look(4, { ...look, resultsReadAtSec: 1 }), [], "what it gave back is not read");
    assertEquals(play.look(5, look), ["submit 1 gpu"]);
  });

  it("does not count the controller's own worker while that has no task of its own", () => {
    const look = { workers: [worker("w", "cpu")], controllerWorker: "w" };
    const settings = { limits: { maxWorkers: 1, tasksPerWorker: 1 } };
    assertEquals(new Play(settings).look(1, { ...look, tasks: { gpu: 1 } }), ["submit 1 gpu"]);
    assertEquals(new Play(settings).look(1, { ...look, tasks: { gpu: 1, cpu: 1 } }), []);
  });

  it("keeps a standby for the jobs that live, anew when they change", () => {
    const play = new Play({ needsStandby: true });
    const look = { tasks: { gpu: 2 }, jobs: [running("j2"), pending("j1")] };
    assertEquals(play.look(1, look), ["standby of j1 j2"]);
    assertEquals(play.look(2, look), []);
    assertEquals(play.look(3, { ...look, jobs: [running("j2"), running("j3")] }), ["standby of j2 j3"]);
  });
});

describe("workers that are recalled before the scheduler has answered for them", () => {
  const limits = { maxWorkers: 1, tasksPerWorker: 1 };

  it("take up room until they are cancelled, and no task counts on them", () => {
    const play = new Play({ limits });
    const recalled = { ...pending("j1"), id: undefined, recalled: true };
    assertEquals(play.look(1, { jobs: [recalled], tasks: { cpu: 1 } }), []);
    assertEquals(play.look(50, { jobs: [recalled], tasks: { gpu: 1 } }), [], "while an answer may come");
    const jobs = [dead("j1", {}, "cancelled")];
    assertEquals(play.look(51, { jobs, tasks: { gpu: 1 } }), [], "while it is not judged");
    assertEquals(play.look(55, { jobs, tasks: { gpu: 1 } }), ["submit 1 gpu"]);
  });
});

describe("workers that are too many", () => {
  it("are cancelled while they pend, the newest first, after a while without a break", () => {
    const play = new Play();
    const jobs = [pending("j1"), pending("j2")];
    assertEquals(play.look(1, { jobs, tasks: { gpu: 1 } }), []);
    assertEquals(play.look(2, { jobs, tasks: { gpu: 2 } }), [], "they are needed again");
    assertEquals(play.look(3, { jobs, tasks: { gpu: 1 } }), []);
    assertEquals(play.look(5.9, { jobs, tasks: { gpu: 1 } }), []);
    assertEquals(play.look(6, { jobs, tasks: { gpu: 1 } }), ["cancel j2"]);
    assertEquals(play.look(7, { jobs, tasks: { gpu: 1 } }), [], "that counts from anew");
  });

  it("make room at once where all specs share it, and their jobs count no more", () => {
    const play = new Play({ limits: { maxWorkers: 1, tasksPerWorker: 1 } });
    const jobs = [pending("j1")];
    assertEquals(play.look(1, { jobs, tasks: { cpu: 1 } }), ["cancel j1", "submit 1 cpu"]);
    const cpu = { ...pending("j2"), spec: "cpu" };
    assertEquals(play.look(2, { jobs: [...jobs, cpu], tasks: { cpu: 1 } }), [], "the listing may be old");
    play.note({ type: "notCancelled", keys: ["j1"] });
    assertEquals(play.look(3, { jobs: [...jobs, cpu], tasks: { cpu: 1 } }), []);
    assertEquals(play.look(6, { jobs: [...jobs, cpu], tasks: { cpu: 1 } }), ["cancel j1"]);
  });

  it("are drained where another spec needs the room, but for the controller's own", () => {
    const play = new Play();
    const workers = [worker("w1", "cpu"), worker("w2", "cpu")];
    const look = { workers, tasks: { gpu: 1, cpu: 9 }, controllerWorker: "w1" };
    assertEquals(play.look(1, look), []);
    assertEquals(play.look(4, look), ["drain 1 of w2"]);
    const leaving = [workers[0]!, { ...workers[1]!, leaving: true }];
    assertEquals(play.look(9, { ...look, workers: leaving }), [], "its room will be there");
  });

  it("stay while a job that has ended may make the room", () => {
    const play = new Play({ limits: { maxWorkers: 3, tasksPerWorker: 1 } });
    const workers = [worker("w1", "cpu"), worker("w2", "cpu")];
    const look = { workers, jobs: [dead("j1", { spec: "cpu" }, "preempted")], tasks: { gpu: 1, cpu: 9 } };
    for (const atSec of [1, 5, 9]) {
      assertEquals(play.look(atSec, { ...look, resultsReadAtSec: 0 }), [], `${atSec}`);
    }
  });
});

describe("a launcher that refuses", () => {
  const error = new SlurmError("sbatch: no");
  const refused = (atSec: number, spec = "gpu", of: Partial<Refusal> = {}, asked = 1): FleetEvent => ({
    type: "submitted",
    spec,
    asked,
    taken: 0,
    refusal: { kind: "refused", error, ...of },
    at: atSec * 1000,
  });
  const tasks = { gpu: 1 };
  const words =
    "warn: cannot start workers of spec 'gpu': sbatch: no; they are asked for again for as long " +
    "as the run has anything else to do, and for 1h after (slurm.refusalSec)";
  /** Asks and is refused until so many seconds. @returns All that was said or done but asking. */
  function refuseUntil(play: Play, fromSec: number, toSec: number, look: Look, stepSec = 1): Text[] {
    const all: Text[] = [];
    for (let atSec = fromSec; atSec <= toSec; atSec += stepSec) {
      const done = play.look(atSec, look);
      const isAsked = done.some((each) => each.startsWith("submit") && each.endsWith("gpu"));
      all.push(...done.filter((each) => !each.startsWith("submit")));
      if (isAsked) all.push(...play.note(refused(atSec)));
    }
    return all;
  }

  it("is asked again after a pause that doubles, and people are told once", () => {
    const play = new Play();
    assertEquals(play.note(refused(1)), [words]);
    assertEquals([play.look(1.4, { tasks }), play.look(1.5, { tasks })], [[], ["submit 1 gpu"]]);
    assertEquals(play.note(refused(2)), []);
    assertEquals([play.look(2.9, { tasks }), play.look(3, { tasks })], [[], ["submit 1 gpu"]]);
    assertEquals(
      play.note({ type: "submitted", spec: "gpu", asked: 1, taken: 1, at: 3000 }),
      ["info: submitted 1 worker of spec 'gpu'"],
    );
  });

  it("says that it is over when a worker was taken, where that took long", () => {
    const play = new Play();
    refuseUntil(play, 1, 100, { tasks });
    const submitted = [{ ...pending("j1", "being submitted"), id: undefined }];
    assertEquals(play.look(200, { tasks, jobs: submitted }), [
      "info: no worker of spec 'gpu' has begun for 3m 19s: 1 job pending, j1 as being submitted",
    ], "nothing is answered yet");
    assertEquals(play.look(201, { tasks, jobs: [{ ...pending("j1"), id: "12" }] }), [
      "info: workers of spec 'gpu' can be started again, after 3m 20s",
    ]);
  });

  it("is no word of workers as submitted before the scheduler has taken them", () => {
    const play = new Play({ limits: { maxWorkers: 6, tasksPerWorker: 1 } });
    const open = (key: string): WorkerJob => ({
      ...pending(key, "sbatch has not answered yet"),
      id: undefined,
    });
    const submitted = (taken: number, open: number): Text[] =>
      play.note({ type: "submitted", spec: "gpu", asked: taken, taken, open, at: 1000 });
    const gpu = { tasks: { gpu: 6 } };
    assertEquals(submitted(4, 3), ["info: submitted 1 worker of spec 'gpu'"], "one was answered for at once");
    const [j1, j2, j3, j4] = [pending("j1"), open("j2"), open("j3"), open("j4")] as const;
    assertEquals(play.look(2, { ...gpu, jobs: [j1, j2, j3, j4] }), ["submit 2 gpu"]);
    assertEquals(submitted(2, 2), []);
    const late = [pending("j5"), pending("j6"), pending("j2")];
    assertEquals(play.look(3, { ...gpu, jobs: [j1, ...late, j3, j4] }), [
      "info: submitted 3 workers of spec 'gpu'",
    ]);
    const refused = [{
      spec: "gpu",
      count: 1,
      refusal: { kind: "refused", error: new Error("no") },
    }] as const;
    const after = play.look(4, { ...gpu, refused, jobs: [j1, ...late, pending("j3")] });
    assertEquals(after.filter((each) => each.includes("submitted")), [
      "info: submitted 1 worker of spec 'gpu'",
    ]);
    const all = [j1, ...late, pending("j3"), pending("j7")];
    assertEquals(play.look(5, { ...gpu, jobs: all }).filter((each) => each.includes("submitted")), []);
  });

  it("holds no other spec up", () => {
    const play = new Play();
    play.note(refused(1));
    assertEquals(play.look(1.1, { tasks: { gpu: 1, cpu: 1 } }), ["submit 1 cpu"]);
  });

  it("fails what needs the spec when nothing else was to do for an hour, and says how it goes on", () => {
    const play = new Play();
    const said = refuseUntil(play, 1, 3600, { tasks });
    assertEquals(said[0], words);
    assertEquals(said.length, 6, said.join("\n"));
    assertEquals(
      said[1],
      "warn: cannot start workers of spec 'gpu': sbatch: no; that is so for 10m; they are asked for again for " +
        "another 50m 1s, then the tasks that need them fail",
    );
    assertEquals(refuseUntil(play, 3601, 3602, { tasks }), [
      "fail gpu: No worker of spec 'gpu' could be started for 1h: sbatch: no",
    ]);
    assertEquals(refuseUntil(play, 3700, 3701, { tasks }).length, 2, "also those that are ready later");
  });

  it("is asked for as long as another spec has workers, however long", () => {
    const play = new Play();
    const look = { tasks: { gpu: 1, cpu: 1 }, workers: [worker("w", "cpu")] };
    const said = refuseUntil(play, 1, 20_000, look, 10);
    assertEquals(said.filter((each) => each.startsWith("fail")), []);
    assertEquals(said.length, 34, "every ten minutes");
    const [last] = refuseUntil(play, 20_001, 24_000, { tasks }, 10).filter((each) => each.startsWith("fail"));
    assertEquals(last?.slice(0, 9), "fail gpu:");
  });

  it("is not asked for long what cannot change by itself", () => {
    const play = new Play();
    const never = lasting(new SlurmError("there is no program 'sbatch'"));
    for (const atSec of [1, 2]) play.note(refused(atSec, "gpu", { error: never }));
    assertEquals(play.look(3, { tasks }), ["submit 1 gpu"]);
    play.note(refused(3, "gpu", { error: never }));
    assertEquals(play.look(4, { tasks }), [
      "fail gpu: No worker of spec 'gpu' could be started: there is no program 'sbatch'",
    ]);
  });

  it("is asked for half as many where a limit lets in fewer, and for more again later", () => {
    const play = new Play({ limits: { maxWorkers: 20, tasksPerWorker: 1 } });
    const look = { tasks: { gpu: 20 } };
    const limit = { kind: "limit", error: new SlurmError("QOSMaxSubmitJobPerUserLimit") } as const;
    assertEquals(play.look(1, look), ["submit 20 gpu"]);
    assertEquals(play.note(refused(1, "gpu", limit, 20)), []);
    assertEquals(play.look(2, look), ["submit 10 gpu"]);
    assertEquals(play.note(refused(2, "gpu", limit, 10)), []);
    assertEquals(play.look(3, look), ["submit 5 gpu"]);
    const jobs = Array.from({ length: 5 }, (_, i) => ({ ...pending(`j${i}`), id: `${i}` }));
    assertEquals(play.look(4, { ...look, jobs }), ["submit 5 gpu"]);
    play.note(refused(4, "gpu", limit, 5));
    assertEquals(play.look(5, { ...look, jobs }), ["submit 2 gpu"]);
    play.note(refused(5, "gpu", limit, 2));
    assertEquals(play.look(6, { ...look, jobs }), ["submit 1 gpu"]);
    assertEquals(play.note(refused(6, "gpu", limit)), [
      "warn: there are no more workers of spec 'gpu' for now: QOSMaxSubmitJobPerUserLimit; they are asked for " +
      "again for as long as the run has anything else to do, and for 1h after (slurm.refusalSec)",
    ]);
    assertEquals([play.look(7, { ...look, jobs }), play.look(8, { ...look, jobs })], [[], ["submit 1 gpu"]]);
    assertEquals(play.look(66, { ...look, jobs }).at(-1), "submit 2 gpu");
  });

  it("may refuse later what was taken", () => {
    const play = new Play();
    const late = { spec: "gpu", count: 2, refusal: { kind: "refused", error } } as const;
    assertEquals(play.look(1, { tasks: { gpu: 2 } }), ["submit 2 gpu"]);
    assertEquals(play.look(4, { tasks: { gpu: 2 }, refused: [late] }), [words]);
    assertEquals(play.look(4.5, { tasks: { gpu: 2 } }), ["submit 2 gpu"]);
  });

  it("is asked once without the nodes that were excluded, then they are why", () => {
    const play = new Play();
    const exclude = (): void => {
      for (const why of ["first", "no room"]) {
        play.note({ type: "refusal", node: "n1", hasWorkers: false, why });
      }
    };
    exclude();
    for (const atSec of [1, 3]) play.look(atSec, { tasks, jobs: [dead("j1")] });
    for (const atSec of [4, 5, 6]) play.note(refused(atSec));
    assertEquals(play.look(7, { tasks }), ["readmit n1", "submit 1 gpu"]);
    exclude();
    play.look(8, { tasks });
    for (const atSec of [8, 9, 10]) play.note(refused(atSec));
    assertEquals(play.look(11, { tasks }), [
      "give up: Cannot start workers of spec 'gpu': SlurmError: sbatch: no\nnodes that the run does not use any more, as " +
      "nothing can start there:\n  n1: no room\nthe last worker was <j1: FAILED>",
    ]);
  });

  it("counts as gone when it cannot tell three times, and none lives or pends", () => {
    const play = new Play();
    const look = { error, tasks: { gpu: 1 } };
    assertEquals([1, 2, 3].map((atSec) => play.look(atSec, look)), [
      ["warn: SlurmError: sbatch: no"],
      [],
      ["give up: sbatch: no"],
    ]);
    const other = new Play();
    other.look(1, { jobs: [pending("j1")], tasks: { gpu: 1 } });
    assertEquals([2, 3, 4, 5].map((atSec) => other.look(atSec, look).length), [1, 0, 0, 0]);
  });
});

describe("jobs that the site ends before their workers begin", () => {
  const tasks = { gpu: 1 };
  const ends = (
    play: Play,
    nth: number,
    more: Partial<WorkerJobState> = { loss: "cancelled" } as object,
  ): Text[] => {
    const state = { status: "dead", text: "CANCELLED by 0", ...more } as WorkerJobState;
    const jobs = [{ ...job(`j${nth}`, state), id: `${nth}`, log: `/logs/${nth}` }];
    return [0, 3].flatMap((sec) => play.look(100 * nth + sec, { tasks, jobs }))
      .filter((each) => !each.startsWith("submit") && !each.startsWith("info"));
  };

  it("are trouble when that was so three times in a row, with their names and logs", () => {
    const play = new Play();
    assertEquals([ends(play, 1), ends(play, 2)], [[], []]);
    assertEquals(ends(play, 3), [
      "warn: cannot start workers of spec 'gpu': their jobs end before a worker begins, 3 times in a row, the last one job " +
      "3 (j3) on j3: CANCELLED by 0, log /logs/3; that is so for 1m 40s; they are asked for again for another 58m 20s, then " +
      "the tasks that need them fail",
    ]);
    assertEquals(ends(play, 4), [], "once");
  });

  it("fail the tasks after an hour", () => {
    const play = new Play();
    const all = Array.from({ length: 40 }, (_, i) => ends(play, i + 1)).flat();
    assertEquals(
      all.filter((each) => each.startsWith("fail gpu: No worker of spec 'gpu' could be")).length > 0,
      true,
    );
  });

  it("count once where they were submitted together, and not where this run cancelled them", () => {
    const play = new Play();
    const jobs = ["j1", "j2", "j3", "j4"].map((key) => dead(key, {}, "cancelled"));
    for (const atSec of [1, 4, 7]) play.look(atSec, { tasks, jobs });
    assertEquals(play.state.specs.get("gpu")?.early?.times, 1);
    const other = new Play();
    other.look(1, { jobs: [pending("j1")], tasks: {} });
    assertEquals(other.look(5, { jobs: [pending("j1")], tasks: {} }).at(0), "cancel j1");
    for (const atSec of [6, 9]) other.look(atSec, { tasks, jobs: [dead("j1", {}, "cancelled")] });
    assertEquals(other.state.specs.get("gpu")?.early, undefined);
  });

  it("are forgotten when a worker begins", () => {
    const play = new Play();
    for (const nth of [1, 2, 3]) ends(play, nth);
    play.look(500, { tasks, jobs: [running("j9")], workers: [worker("w", "gpu", { job: "j9" })] });
    assertEquals(play.state.specs.get("gpu")?.trouble, undefined);
  });
});

describe("a job that ends before its worker begins", () => {
  it("is judged when what was given back until then has been read", () => {
    const play = new Play();
    const jobs = [dead("j1", { node: "n1" })];
    play.look(1, { jobs });
    play.look(3, { jobs, resultsReadAtSec: 1 });
    assertEquals(play.state.specs.get("gpu")?.lastStart, undefined);
    play.look(3, { jobs });
    assertEquals(play.state.specs.get("gpu")?.lastStart?.key, "j1");
  });

  it("ends the run the third time in a row, each elsewhere", () => {
    const play = new Play();
    const jobs = ["j1", "j2", "j3"].map((key) => dead(key));
    play.look(1, { jobs, tasks: { gpu: 1 } });
    assertEquals(play.look(3, { jobs, tasks: { gpu: 1 } }), [
      "give up: Cannot start workers of spec 'gpu': 3 jobs in a row ended before their worker had begun, the last one, " +
      "<j3: FAILED>",
    ]);
  });

  for (
    const [why, jobs, more] of [
      ["all were on one node", ["j1", "j2", "j3"].map((key) => dead(key, { node: "n1" })), {}],
      ["they were cancelled", ["j1", "j2", "j3"].map((key) => dead(key, {}, "cancelled")), {}],
      ["nothing is left to do", ["j1", "j2", "j3"].map((key) => dead(key)), { tasks: {} }],
      ["a worker was seen between them", ["j1", "j2", "j3"].map((key) => dead(key)), { entered: ["j2"] }],
    ] as const
  ) {
    it(`ends nothing where ${why}`, () => {
      const play = new Play();
      const look = { jobs, tasks: { gpu: 1 }, ...more };
      play.look(1, look);
      assertEquals(play.look(3, look).filter((each) => each.startsWith("give up")), []);
    });
  }

  it("ends nothing where an earlier controller started it", () => {
    const play = new Play();
    play.state = newFleetState(false);
    const look = { jobs: ["j1", "j2", "j3"].map((key) => dead(key)), tasks: { gpu: 1 } };
    assertEquals([play.look(1, look), play.look(3, look)], [[], ["submit 1 gpu"]]);
  });

  it("excludes its node the second time, and cancels what pends for it", () => {
    const play = new Play();
    const jobs = [dead("j1", { node: "n1" }), dead("j2", { node: "n1" }), pending("j3")];
    play.look(1, { jobs, tasks: { gpu: 1 } });
    assertEquals(play.look(3, { jobs, tasks: { gpu: 1 } }), [
      "exclude n1: a worker's job did not begin there: FAILED",
      "cancel j3",
    ]);
  });

  it("is told once, by its worker or by the job's end", () => {
    const play = new Play();
    const jobs = [dead("j1", { node: "n1" })];
    play.note({ type: "badStart", node: "n1", job: "j1", why: "no module" });
    for (const atSec of [1, 3]) play.look(atSec, { jobs, tasks: { gpu: 1 } });
    const told = [dead("j2", { node: "n2" })];
    play.note({ type: "refusal", node: "n2", hasWorkers: true, why: "no room" });
    for (const atSec of [4, 6]) play.look(atSec, { jobs: told, refusals: { j2: "no room" } });
    assertEquals(play.excluded, []);
  });

  it("counts as such when it runs for long and no worker enters, and is waited for no more", () => {
    const play = new Play({ limits: { maxWorkers: 1, tasksPerWorker: 1 } });
    const look = { jobs: [running("j1", { node: "n1" })], tasks: { gpu: 1 } };
    assertEquals([play.look(1, look), play.look(61, look)], [[], [
      "info: no worker of spec 'gpu' has begun for 1m, though its job runs: j1 on n1",
    ]]);
    assertEquals(play.look(62, look), ["submit 1 gpu"]);
  });
});

describe("a node where something could not start", () => {
  const bad = (node: string, why: string): FleetEvent => ({ type: "badStart", node, why });

  it("is excluded after two bad starts in a row, once", () => {
    const play = new Play();
    assertEquals([play.note(bad("a", "first")), play.note(bad("b", "other"))], [[], []]);
    assertEquals(play.note(bad("a", "second")), ["exclude a: second"]);
    assertEquals(play.note(bad("a", "third")), []);
    assertEquals(play.excluded, ["a"]);
  });

  it("is trusted again when a task starts well there", () => {
    const play = new Play();
    play.note(bad("a", "first"));
    play.note({ type: "goodStart", node: "a" });
    assertEquals({ note: play.note(bad("a", "second")), excluded: play.excluded }, {
      note: [],
      excluded: [],
    });
  });

  it("is tried again, once, when a spec has no worker for long", () => {
    const play = new Play();
    const exclude = (): void => ["first", "second"].forEach((why) => play.note(bad("a", why)));
    const look = (key: string): Look => ({ jobs: [pending(key)], tasks: { gpu: 1 } });
    exclude();
    assertEquals(play.look(1, look("j1")), ["cancel j1"], "it was submitted for other nodes");
    assertEquals([play.look(2, look("j2")), play.look(61, look("j2")).slice(1)], [[], []]);
    assertEquals(play.look(62, look("j2")).slice(0, 2), ["readmit a", "cancel j2"]);
    exclude();
    for (const [i, atSec] of [63, 64].entries()) play.look(atSec, look(`j${3 + i}`));
    assertEquals(
      play.look(124, look("j4")).at(-1),
      [
        "give up: Cannot start workers of spec 'gpu': none has begun for 60 s",
        "nodes that the run does not use any more, as nothing can start there:",
        "  a: second",
      ].join("\n"),
    );
  });

  it("is not tried again while a job only waits for its turn", () => {
    const play = new Play();
    for (const why of ["first", "second"]) play.note(bad("a", why));
    const look = { jobs: [pending("j1", "PENDING (Priority)", true)], tasks: { gpu: 1 } };
    for (const atSec of [1, 2, 200]) play.look(atSec, look);
    assertEquals(play.excluded, ["a"]);
  });
});

describe("a job that was put back", () => {
  const put = (askedAt: number): WorkerJob =>
    job("j1", { status: "pending", text: "PENDING (JobHeldAdmin)" }, { askedAt });

  it("is pending again when Slurm says so after its worker was seen last, and no other one is submitted", () => {
    const play = new Play({ limits: { maxWorkers: 1, tasksPerWorker: 1 } });
    const look = { tasks: { gpu: 1 }, entered: ["j1"] };
    assertEquals(play.look(1, { ...look, jobs: [put(-1)] }), ["submit 1 gpu"], "an old answer");
    assertEquals(play.look(2, { ...look, jobs: [put(1)] }), []);
    const again = job("j1", { status: "running", text: "RUNNING" }, { askedAt: 2 });
    assertEquals(play.look(3, { ...look, jobs: [again] }), [], "its worker is about to begin");
  });
});

describe("a submission that is not answered for", () => {
  it("counts for long, and then no more, which is said once", () => {
    const play = new Play({ limits: { maxWorkers: 1, tasksPerWorker: 1 } });
    const look = { tasks: { gpu: 1 }, jobs: [{ ...pending("j1", "being submitted"), id: undefined }] };
    play.look(1, look);
    assertEquals(play.look(60, look), []);
    assertEquals(play.look(62, look), [
      "warn: job j1 of spec 'gpu' is not waited for any more, as its submission has had no answer for 60 s; should it be " +
      "there after all, its worker will help",
      "info: tasks of spec 'gpu' have had no worker for 1m 1s: the jobs that were submitted for them are over",
      "submit 1 gpu",
    ]);
    assertEquals(
      play.look(63, { ...look, jobs: [{ ...look.jobs[0]!, id: "12" }] }),
      [],
      "it is there after all",
    );
  });
});

describe("Slurm's silence", () => {
  it("is said after a minute, once, and that it is over", () => {
    const play = new Play();
    const silence = { since: 10_000, text: "squeue: error: Unable to contact slurm controller" };
    const look = { tasks: { gpu: 1 }, jobs: [running("j1")], workers: [worker("w", "gpu", { job: "j1" })] };
    assertEquals([play.look(20, { ...look, silence }), play.look(69, { ...look, silence })], [[], []]);
    assertEquals(play.look(70, { ...look, silence }), [
      "warn: Slurm has not answered for 1m (squeue: error: Unable to contact slurm controller): workers that run go on, and " +
      "what is known of the others is of before",
    ]);
    assertEquals(play.look(90, { ...look, silence }), []);
    assertEquals([play.look(130, look), play.look(131, look)], [["info: Slurm answers again, after 2m"], []]);
  });
});

describe("a run that does nothing", () => {
  const halted = job("j1", { status: "running", text: "SUSPENDED", halted: true });

  it("says that its workers stand still, and starts no others for them", () => {
    const play = new Play({ limits: { maxWorkers: 1, tasksPerWorker: 1 } });
    const look = { tasks: { gpu: 1 }, jobs: [halted], workers: [worker("w", "gpu", { job: "j1" })] };
    assertEquals([play.look(1, look), play.look(60, look)], [[], []]);
    assertEquals(play.look(61, look), [
      "info: the worker of spec 'gpu' stands still for 1m: j1 is SUSPENDED; tasks go on when Slurm, or somebody, has the " +
      "jobs go on",
    ]);
  });

  it("says whom it waits for", () => {
    const play = new Play();
    const look = { strangers: ["run other (pid 7 on n1)", "run other (pid 7 on n1)"] };
    play.look(1, look);
    assertEquals(play.look(61, look), [
      "info: the run only waits, for 1m now: 2 tasks of it are computed elsewhere, by run other (pid 7 on n1)",
    ]);
    assertEquals(play.look(200, look), []);
  });

  it("says how a job is released that is held", () => {
    const play = new Play();
    const held = { ...pending("j1", "PENDING (launch failed requeued held)"), id: "4711" };
    play.look(1, { tasks: { gpu: 1 }, jobs: [held] });
    const [said = ""] = play.look(61, { tasks: { gpu: 1 }, jobs: [held] }).filter((each) =>
      each.startsWith("info")
    );
    assertStringIncludes(said, "job 4711 (j1) as PENDING (launch failed requeued held)");
    assertStringIncludes(said, "'scontrol release 4711' releases it, 'furu cancel run-1' ends the run");
  });
});

describe("workers that cannot work on the run at all", () => {
  const refusal: FleetEvent = { type: "refusal", hasWorkers: false, why: "another version" };

  it("end it where no task has begun and none lives", () => {
    assertEquals(new Play().note(refusal), ["give up: another version"]);
    assertEquals(new Play().note({ ...refusal, hasWorkers: true }), []);
    const play = new Play();
    play.note({ type: "goodStart" });
    assertEquals(play.note(refusal), []);
  });
});

describe("a fleet that can start no workers", () => {
  it("ends the run when a spec with tasks has had none for a lease", () => {
    const play = new Play({ canSubmit: false });
    const look = { tasks: { gpu: 2 } };
    assertEquals([play.look(1, look), play.look(120, look)], [[], [
      "info: tasks of spec 'gpu' have had no worker for 1m 59s: none can be submitted from here",
    ]]);
    assertEquals(play.look(121, look), [
      "give up: Cannot compute 2 tasks of spec 'gpu' as none of its workers is left, and none can be submitted from " +
      "inside of a job: run the same roots again, with more workers or time",
    ]);
  });
});

describe("a spec without a worker", () => {
  const told = (
    play: Play,
    atSec: number,
    reason: string,
    look: Look & { inTurn?: boolean } = {},
  ): Text[] => {
    const jobs = [pending("j1", reason, look.inTurn), pending("j0", reason, look.inTurn)];
    const all = play.look(atSec, { jobs, tasks: { gpu: 3 }, ...look });
    return all.filter((each) => each.startsWith("info: no worker"));
  };

  it("says after a minute what its jobs wait for, and again only for another reason", () => {
    const play = new Play();
    const why = "PENDING (AssocGrpGRES)";
    assertEquals([told(play, 1, why), told(play, 60, why)], [[], []]);
    assertEquals(told(play, 61, why), [
      `info: no worker of spec 'gpu' has begun for 1m: 2 jobs pending, j0 as ${why}`,
    ]);
    assertEquals(told(play, 601, why), []);
    assertEquals(told(play, 661, "PENDING (JobHeldUser)"), [
      "info: no worker of spec 'gpu' has begun for 11m: 2 jobs pending, j0 as PENDING (JobHeldUser): somebody, or a " +
      "launch that failed, holds it, and it begins only when it is released; 'scontrol release j0 j1' releases it, 'furu cancel run-1' ends the run",
    ]);
  });

  it("counts all that a job in turn waits for as one reason", () => {
    const play = new Play();
    told(play, 1, "PENDING (Priority)", { inTurn: true });
    assertEquals(told(play, 62, "PENDING (Priority)", { inTurn: true }).length, 1);
    assertEquals(told(play, 63, "PENDING (Resources)", { inTurn: true }), []);
  });

  it("says nothing while a worker lives or there is nothing to do, and waits a minute from then on", () => {
    const play = new Play();
    told(play, 1, "PENDING");
    assertEquals(told(play, 62, "PENDING", { workers: [worker("w")] }), []);
    assertEquals(told(play, 63, "PENDING"), []);
    assertEquals(told(play, 131, "PENDING", { tasks: { gpu: 0 } }), []);
    assertEquals([told(play, 132, "PENDING"), told(play, 181, "PENDING")], [[], []]);
    assertEquals(told(play, 193, "PENDING").length, 1);
  });
});
