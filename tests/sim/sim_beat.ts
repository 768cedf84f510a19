import { errorCode } from "../../lib/core/errors.ts";
import type { Heartbeat, HeartbeatOptions } from "../../lib/core/system/machine.ts";
import type { Handle, Inode } from "./inode.ts";
import { osError } from "./os_error.ts";
import type { Parked, SimProcess } from "./process.ts";
import type { World } from "./world.ts";

/** A thread of the process that beats whatever the process waits for, and stands still when it is suspended. */
export class SimBeat implements Heartbeat {
  readonly #world: World;
  readonly #process: SimProcess;
  readonly #options: HeartbeatOptions;
  #file: { inode: Inode; handle: Handle } | undefined;
  #next: Parked | undefined;
  #ended = false;
  #stopped: Promise<void> | undefined;

  /** Begins with the next step. */
  constructor(world: World, process: SimProcess, options: HeartbeatOptions) {
    this.#world = world;
    this.#process = process;
    this.#options = options;
    process.holds.set(this, { what: `heartbeat of ${options.path}`, drop: (power) => this.#close(power) });
    this.#after(options.afterMs ?? 0, `beat opens ${options.path}`, () => {
      this.#file = world.disk.open(options.path, process.host, `open '${options.path}'`);
      this.#touchLater();
      if (options.unlink) this.#after(0, `beat unlinks ${options.path}`, () => this.#unlink());
    });
  }

  /** Closes the handle, then removes a private name that is still there. */
  stop(): Promise<void> {
    return this.#stopped ??= (async () => {
      this.#end();
      await this.#step("closes", () => this.#close(false));
      if (this.#options.unlink) await this.#step("removes its name", () => this.#unlink());
    })();
  }

  #step(what: string, run: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#world.park({
        process: this.#process,
        what: `beat of ${this.#options.path} ${what}`,
        kind: undefined,
        notBefore: 0,
        run,
        resolve: () => resolve(),
        reject,
      });
    });
  }

  #unlink(): void {
    if (this.#world.disk.find(this.#options.path) === undefined) return;
    this.#world.disk.remove(this.#options.path, this.#process.host, `remove '${this.#options.path}'`);
  }

  #touchLater(): void {
    this.#after(this.#options.intervalMs, `beat of ${this.#options.path}`, () => {
      const file = this.#file as { inode: Inode };
      this.#world.staleHandle(this.#process, file.inode);
      if (file.inode.nlink === 0) throw osError("ENOENT", `no name left: '${this.#options.path}'`);
      const { dead } = this.#options;
      if (dead !== undefined && this.#world.disk.find(dead)) {
        throw osError("ESTALE", `declared dead: '${dead}'`);
      }
      file.inode.mtimeMs = this.#process.host.wall();
      this.#touchLater();
    });
  }

  #after(ms: number, what: string, act: () => void): void {
    this.#next = this.#world.park({
      process: this.#process,
      what,
      kind: undefined,
      notBefore: this.#world.time + ms,
      run: () => {
        try {
          act();
        } catch (error) {
          this.#end();
          this.#close(false);
          this.#process.activity++;
          this.#options.onLost(errorCode(error) ?? `${error}`);
        }
      },
    });
  }

  #end(): void {
    this.#ended = true;
    if (this.#next !== undefined) this.#world.unpark(this.#next);
    this.#next = undefined;
  }

  #close(powerCut: boolean): void {
    this.#process.holds.delete(this);
    if (!this.#ended) this.#end();
    if (this.#file === undefined) return;
    if (powerCut) this.#file.inode.handles.delete(this.#file.handle);
    else this.#world.disk.close(this.#file.inode, this.#file.handle);
    this.#file = undefined;
  }
}
