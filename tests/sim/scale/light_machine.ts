import type { Heartbeat, HeartbeatOptions, Machine } from "../../../lib/core/system/machine.ts";
import { type Counts, placeOf } from "./counts.ts";
import type { LightFile } from "./light_disk.ts";
import { LightFiles, type LightWorld } from "./light_files.ts";

/** The machine of one process. Ids count up, so that each is there once. */
export function lightMachine(world: LightWorld, pid: number, counts: Counts): Machine {
  let ids = 0;
  return {
    files: new LightFiles(world, counts),
    clock: world.time.clock,
    self: { host: `n${pid}`, boot: "b", pidNamespace: "p", pid, start: `${pid}` },
    isGone: () => false,
    beat: (options) => new LightBeat(world, counts, options),
    // The last digits differ most: workers shuffle by the first ones of them.
    randomId: () =>
      (Math.imul(++ids, 0x9e3779b1) >>> 0).toString(16).padStart(8, "0") + pid.toString(16).padStart(4, "0"),
    simulated: true,
  };
}

/** Signs of life that never fail. */
class LightBeat implements Heartbeat {
  readonly #world: LightWorld;
  readonly #counts: Counts;
  readonly #options: HeartbeatOptions;
  #file: LightFile | undefined;
  #ended = false;

  constructor(world: LightWorld, counts: Counts, options: HeartbeatOptions) {
    this.#world = world;
    this.#counts = counts;
    this.#options = options;
    world.time.after(options.afterMs ?? 0, () => {
      if (this.#ended) return;
      this.#file = world.disk.file(options.path);
      this.#count("open");
      this.#unlink();
      this.#beat();
    });
  }

  stop(): Promise<void> {
    this.#ended = true;
    this.#unlink();
    return Promise.resolve();
  }

  #beat(): void {
    this.#world.time.after(this.#options.intervalMs, () => {
      if (this.#ended || !this.#file) return;
      if (this.#file.nlink === 0) return this.#options.onLost("ENOENT");
      this.#count("beat");
      this.#file.mtimeMs = this.#world.time.time;
      this.#beat();
    });
  }

  #unlink(): void {
    if (!this.#options.unlink) return;
    if (this.#world.disk.find(this.#options.path) === undefined) return;
    this.#count("remove");
    this.#world.disk.remove(this.#options.path);
  }

  #count(kind: string): void {
    this.#counts.add(kind, placeOf(this.#options.path, this.#world.run));
  }
}
