import type { Machine } from "../../lib/core/system/machine.ts";
import { Disk } from "./disk.ts";
import { type Fate, Fates, type Faults, NO_FAULTS } from "./faults.ts";
import { Host } from "./host.ts";
import type { Inode } from "./inode.ts";
import { type OsCode, osError } from "./os_error.ts";
import { perform } from "./operation.ts";
import { type FileKind, type Main, type Parked, SimProcess, type SpawnOptions } from "./process.ts";
import { CUTS, type PowerCut } from "./power_cut.ts";
import { Random } from "./random.ts";
import { Scheduler } from "./scheduler.ts";
import { settle } from "./settle.ts";
import { simMachine } from "./sim_machine.ts";
import { Violation } from "./violation.ts";

/** Options of a {@link World}. */
export interface WorldOptions {
  /** More steps than these are "stuck". @default 20_000 */
  maxSteps?: number;
  /** Where to write what happens, a line for each step. @default nowhere */
  trace?: string[];
}

/** A disk, hosts and processes that make one step at a time, in an order drawn from a seed. */
export class World {
  /** World time in milliseconds, which no process can see. */
  time = 0;
  /** Steps made so far. */
  steps = 0;
  /** Where everything is drawn from. */
  readonly random: Random;
  /** What may go wrong. */
  readonly faults: Readonly<Faults>;
  /** What did go wrong. */
  readonly fates: Fates;
  /** The file server. */
  readonly disk: Disk;
  /** Every process, in the order in which they were spawned. */
  readonly processes: SimProcess[] = [];
  /** What ended processes left behind: heartbeats and open files. */
  readonly leaks: string[] = [];
  /** World time until which the disk is full. */
  fullUntil = 0;
  /** The power cuts so far. */
  readonly cuts: PowerCut[] = [];
  /** Whose step it is. */
  acting: SimProcess | undefined;
  /** Refuses operations by a scenario's own rule: an error code, or undefined to let it happen. */
  refuse: ((process: SimProcess, kind: FileKind, what: string) => OsCode | undefined) | undefined;
  readonly #maxSteps: number;
  readonly #spreadMs: number;
  readonly #trace: string[] | undefined;
  readonly #ids: Random;
  readonly #hosts: Map<string, Host> = new Map();
  readonly #scheduler: Scheduler;
  readonly #watchers: (() => void)[] = [];

  /** @param seed Decides everything. @param faults What may go wrong. @default nothing */
  constructor(seed: number, faults: Partial<Faults> = {}, options: WorldOptions = {}) {
    this.random = new Random(seed);
    this.#ids = new Random(seed ^ 0x5bd1e995);
    this.faults = { ...NO_FAULTS, ...faults };
    this.fates = new Fates(this.faults, this.random);
    this.#scheduler = new Scheduler(this.random);
    this.#spreadMs = this.random.scale(0.1, 100); // all at once, or one after the other
    this.#maxSteps = options.maxSteps ?? 20_000;
    this.#trace = options.trace;
    const { sillyRename, siteCut, serverCut } = this.faults;
    this.disk = new Disk(this.host("server"), sillyRename, siteCut + serverCut > 0);
  }

  /** The host of that name, made when first named. */
  host(name: string): Host {
    let host = this.#hosts.get(name);
    if (host === undefined) this.#hosts.set(name, host = new Host(name, () => this.time, this.#ids));
    return host;
  }

  /** A process that will run `main` once the world runs. */
  spawn<T>(name: string, host: string, main: Main<T>, options: SpawnOptions = {}): SimProcess<T> {
    const process = new SimProcess<T>(name, this.host(host), 100 + this.processes.length, main, options);
    this.processes.push(process);
    this.park({
      process,
      what: "begins",
      kind: undefined,
      notBefore: this.time + (options.delayMs ?? this.random.next() * this.#spreadMs),
      run: () => this.#begin(process),
    });
    return process;
  }

  /** What the process is given as its machine. */
  machine(process: SimProcess): Machine {
    return simMachine(this, process, this.#ids);
  }

  /** Calls `check` after every step that changed the disk; it may throw a {@link Violation}. */
  watch(check: () => void): void {
    this.#watchers.push(check);
  }

  /** Steps until every process is gone. @throws {Violation} Stuck, waiting outside, or as a watcher says. */
  async run(): Promise<void> {
    this.disk.syncNames();
    while (this.#scheduler.size > 0) {
      if (++this.steps > this.#maxSteps) {
        throw new Violation(`stuck: more than ${this.#maxSteps} steps, still to come: ${this.#scheduler}`);
      }
      const version = this.disk.version;
      await this.#step();
      if (this.disk.version !== version) this.#check();
    }
  }

  /** Power fails: of the one host, of all of them, or of the file server. */
  cut(kind: PowerCut["kind"], host: Host): void {
    const cut: PowerCut = { kind, at: this.time };
    this.cuts.push(cut);
    CUTS[kind](this, host);
    this.#check();
  }

  /** Nothing goes wrong any more. */
  calm(): void {
    this.fates.stop();
    this.fullUntil = 0;
  }

  /** All hosts so far. */
  get hosts(): Host[] {
    return [...this.#hosts.values()];
  }

  #check(): void {
    for (const check of this.#watchers) check();
  }

  /** Ends a process between two steps; nothing of it happens any more. */
  crash(process: SimProcess, powerCut = false): void {
    if (process.gone) return;
    this.note(process, powerCut ? "dies with its host" : "crashes");
    process.state = "crashed";
    process.gone = true;
    this.#scheduler.deleteAll(process);
    for (const held of [...process.holds.values()]) held.drop(powerCut);
    process.options.onCrash?.(process);
    if (process.options.restart) {
      const { crashAt: _once, ...options } = process.options;
      this.spawn(process.name, process.host.name, process.main, {
        ...options,
        delayMs: this.random.scale(1, 1000),
      });
    }
  }

  /** Lets something wait for its turn: for the parts of the simulator. */
  park(parked: Parked): Parked {
    const { process } = parked;
    if (process.gone) return parked; // code of a dead process that was still under way: never happens
    if (parked.resolve !== undefined) {
      process.parked++;
      process.activity++;
    }
    this.#scheduler.add(parked);
    return parked;
  }

  /** Takes back what was parked, if it did not happen yet. */
  unpark(parked: Parked): void {
    const { process } = parked;
    if (!this.#scheduler.delete(parked) || parked.resolve === undefined || --process.parked > 0) return;
    // Its code may have been taken to rest in what is taken back now: it is looked at once more.
    this.park({ process, what: "goes on", kind: undefined, notBefore: 0, run: () => {}, resolve: () => {} });
  }

  /** Does a stale view of this kind show itself now? Counts it. */
  chance(kind: "staleList" | "staleStat" | "estale"): boolean {
    const now = this.random.chance(this.faults[kind]);
    if (now) this.fates.happened(kind);
    return now;
  }

  /** @throws ESTALE, perhaps, where another host took the file's last name away. */
  staleHandle(process: SimProcess, inode: Inode): void {
    if (inode.nlink > 0 || inode.unlinkedBy === process.host) return;
    if (this.chance("estale")) throw osError("ESTALE", `handle of ino ${inode.ino}`);
  }

  /** Adds a line to the trace. */
  note(process: SimProcess, text: string): void {
    this.#trace?.push(
      `${this.steps}`.padStart(5) + ` ${this.time.toFixed(2).padStart(10)} ms  ${process.label}  ${text}`,
    );
  }

  async #step(): Promise<void> {
    let parked = this.#scheduler.take(this.time);
    if (typeof parked === "number") parked = this.#scheduler.take(this.time = parked) as Parked;
    const { process } = parked;
    this.acting = process;
    this.time += this.random.next() * 0.5;
    process.steps++;
    const crashAt = process.options.crashAt;
    const chosen = crashAt?.step === process.steps ? crashAt.when : undefined;
    const drawn = parked.kind === undefined ? undefined : this.fates.draw();
    if (drawn !== undefined && drawn !== "lost") this.fates.happened(drawn);
    const crash = chosen ?? (drawn === "crash" ? (this.random.chance(0.5) ? "before" : "after") : undefined);
    if (crash === "before") return this.crash(process);
    if (drawn !== undefined && this.#postponed(parked, drawn)) return;
    const { activity } = process;
    const answer = perform(this, parked, drawn);
    if (crash === "after") return this.crash(process);
    if (drawn === "slow" || drawn === "suspend") return this.#later(parked, answer, drawn);
    if (parked.resolve !== undefined) {
      process.parked--;
      answer();
      await settle(process);
    } else if (process.activity !== activity) await settle(process); // a beat that was not lost wakes nobody
    this.#leave(process);
  }

  /** Applies a fate that comes before the operation; true when it does not happen in this step. */
  #postponed(parked: Parked, fate: Fate): boolean {
    const { process } = parked;
    const forMs = this.random.scale(1, this.faults.longestMs);
    if (fate === "full") this.fullUntil = this.time + forMs;
    else if (fate === "clockJump") process.host.jump((this.random.next() - 0.5) * 1_200_000);
    else if (fate === "powerCut" || fate === "siteCut" || fate === "serverCut") this.cut(fate, process.host);
    else if (fate === "interrupt") process.controller.abort(new DOMException("Interrupted", "AbortError"));
    if (process.gone) return true;
    if (fate !== "slow" && fate !== "suspend") return false;
    if (this.random.chance(0.5)) return false; // it happens now, and is answered later
    if (fate === "slow") parked.notBefore = this.time + forMs;
    else process.suspendedUntil = this.time + forMs;
    this.note(process, `${fate} for ${forMs.toFixed()} ms before ${parked.what}`);
    this.#scheduler.add(parked);
    return true;
  }

  /** The operation was done; its answer waits. */
  #later(parked: Parked, answer: () => void, fate: "slow" | "suspend"): void {
    const forMs = this.random.scale(1, this.faults.longestMs);
    if (fate === "suspend") parked.process.suspendedUntil = this.time + forMs;
    this.note(parked.process, `${fate} for ${forMs.toFixed()} ms after ${parked.what}`);
    this.#scheduler.add({
      ...parked,
      what: `answer of ${parked.what}`,
      kind: undefined,
      notBefore: fate === "slow" ? this.time + forMs : 0,
      run: () => answer(),
      resolve: () => {},
    });
  }

  #begin<T>(process: SimProcess<T>): void {
    const ended = (failed: boolean, value: T | undefined, error: unknown) => {
      if (process.gone) return;
      Object.assign(process, { state: "ended", failed, value, error });
      process.activity++;
    };
    process.activity++;
    new Promise<T>((resolve) => resolve(process.main(this.machine(process), process.controller.signal))).then(
      (value) => ended(false, value, undefined),
      (error) => ended(true, undefined, error),
    );
  }

  #leave(process: SimProcess): void {
    if (process.gone || process.state !== "ended") return;
    const isCutOff = process.parked > 0;
    if (isCutOff && !process.options.exits) return;
    this.note(process, process.failed ? `ends: ${process.error}` : "ends");
    // A program that exits while the system keeps it waiting leaves something behind, and may.
    const isLeak = !isCutOff || this.fates.total === 0;
    for (const held of [...process.holds.values()]) {
      if (isLeak) this.leaks.push(`${process.label}: ${held.what}`);
      held.drop(false);
    }
    this.#scheduler.deleteAll(process);
    process.gone = true;
  }
}
