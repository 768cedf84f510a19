import type { Machine, Owner } from "../../lib/core/system/machine.ts";
import type { Host } from "./host.ts";

/** What a simulated process runs. */
export type Main<T> = (machine: Machine, signal: AbortSignal) => Promise<T>;

/** Options of `World.spawn`. */
export interface SpawnOptions {
  /**
   * Whether it exits as soon as `main` has returned or thrown, as programs do, whatever is still under way.
   *
   * @default {false}
   */
  exits?: boolean;
  /** After a crash, begin another process of the same name on the same host. @default false */
  restart?: boolean;
  /** Crash at that step of the process (from 1), before or after it: for trying every point in turn. */
  crashAt?: { step: number; when: "before" | "after" };
  /** World time in milliseconds to wait before it begins. @default a few steps */
  delayMs?: number;
  /** Called when the process has crashed, before it is started again. */
  onCrash?: (process: SimProcess) => void;
}

/** A simulated process. */
export class SimProcess<T = unknown> {
  /** The name it was spawned with. */
  readonly name: string;
  /** Where it runs. */
  readonly host: Host;
  /** How it is told from all others. */
  readonly owner: Owner;
  /** What it runs. */
  readonly main: Main<T>;
  /** How it was spawned. */
  readonly options: SpawnOptions;
  /** Aborts the signal given to `main`. */
  readonly controller: AbortController = new AbortController();
  /** `ended`: `main` has returned or thrown; it may still have operations under way. */
  state: "running" | "ended" | "crashed" = "running";
  /** What `main` returned. */
  value: T | undefined;
  /** What `main` threw. */
  error: unknown;
  /** Did `main` throw? */
  failed = false;
  /** Is the process, having ended or crashed, gone? */
  gone = false;
  /** World time until which it stands still. */
  suspendedUntil = 0;
  /** Steps it has made. */
  steps = 0;
  /** Operations and sleeps under way. */
  parked = 0;
  /** Counts what shows that the code has run: a new operation, a beat, the end. */
  activity = 0;
  /** What must not be left behind at the end, each with how it is cut off in a crash. */
  readonly holds: Map<object, { what: string; drop: (powerCut: boolean) => void }> = new Map();

  /** @param name For people. @param host Where. @param pid Its number. @param main What it runs. */
  constructor(name: string, host: Host, pid: number, main: Main<T>, options: SpawnOptions) {
    this.name = name;
    this.host = host;
    this.main = main;
    this.options = options;
    this.owner = {
      host: host.name,
      boot: host.boot,
      pidNamespace: "1",
      pid,
      start: `${pid * 7}`,
      user: "sim",
      uid: 1000,
    };
  }

  /** Name, pid and host, for traces. */
  get label(): string {
    return `${this.name}#${this.owner.pid}@${this.host.name}`;
  }
}

/** Something a process waits for: the scheduler decides when it happens. */
export interface Parked {
  /** Whose. */
  process: SimProcess;
  /** What, for traces. */
  what: string;
  /** The kind of file operation: faults strike only these, not sleeps and beats. */
  kind: FileKind | undefined;
  /** World time before which it does not happen. */
  notBefore: number;
  /** Does it; called once. */
  run(): unknown;
  /** Gives the answer to the process. Absent for beats, which no code of the process waits for. */
  resolve?: (value: unknown) => void;
  /** Gives an error to the process. */
  reject?: (error: unknown) => void;
}

/** Kinds of file operation. */
export type FileKind =
  | "read"
  | "stat"
  | "list"
  | "open"
  | "fstat"
  | "touch"
  | "create"
  | "create-new"
  | "fill"
  | "sync"
  | "chmod"
  | "link"
  | "rename"
  | "remove"
  | "mkdir";
