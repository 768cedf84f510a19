import { errorCode } from "../core/errors.ts";
import { type Store, storeError } from "../store/store.ts";
import type { QueuePaths } from "./layout.ts";

/** What stands in the file of orders for a request to all; anything else is the id of a worker. */
const ALL = "all";
/** The byte that ends a line. */
const LINE_END = 10;
/**
 * Requests are looked for without an order as often as this, in milliseconds: who asked may have died before
 * the order was written, and lines of two hosts at once can be lost.
 */
const SURE_MS = 60_000;

/**
 * Makes the file of orders, so that looks at it are cheap.
 *
 * @throws {StoreError} If it cannot be written.
 */
export async function makeOrders(store: Store, { orders }: Pick<QueuePaths, "orders">): Promise<void> {
  try {
    await store.machine.files.write(orders, "", { append: true });
    await store.share(orders);
  } catch (error) {
    throw storeError("write", orders, error);
  }
}

/**
 * Tells that there is a request: one line more in the one file that all workers look at. The request itself
 * is in a file of its own and counts; that it is told only makes it seen soon.
 *
 * @param id The worker that it is for; all of them without one.
 */
export async function order(
  { machine: { files } }: Store,
  { orders }: Pick<QueuePaths, "orders">,
  id: string = ALL,
): Promise<void> {
  try {
    await files.write(orders, `${id}\n`, { append: true });
  } catch (error) {
    // That of another user, or a full disk: they look without it, too, less often.
    if (errorCode(error) === undefined) throw error;
  }
}

/** Looks for orders: one open file each time, and nothing is read while it is as it was. */
export class OrderReader {
  readonly #store: Store;
  readonly #path: string;
  #told = 0;
  #named = false;
  #sureAt = -Infinity;

  constructor(store: Store, { orders }: Pick<QueuePaths, "orders">) {
    this.#store = store;
    this.#path = orders;
  }

  /** Whether the latest look saw an order for that very worker. */
  get named(): boolean {
    return this.#named;
  }

  /**
   * Looks once.
   *
   * @param id A worker.
   * @returns Whether there may be requests for it that were not there at the last look.
   * @throws {StoreError} If the system cannot read the file.
   */
  async hasNews(id?: string): Promise<boolean> {
    const { files, clock } = this.#store.machine;
    const now = clock.monotonic();
    this.#named = false;
    try {
      const size = await this.#size();
      const isSure = now - this.#sureAt >= SURE_MS;
      if (size === this.#told && !isSure) return false;
      const before = this.#told;
      // What was there before the first look is not read.
      if (isSure || size < before) {
        this.#told = size;
        this.#sureAt = now;
        return true;
      }
      const bytes = await files.readBytes(this.#path, before);
      const end = bytes.lastIndexOf(LINE_END) + 1;
      this.#told += end;
      const names = new TextDecoder().decode(bytes.subarray(0, end)).split("\n");
      this.#named = id !== undefined && names.includes(id);
      return this.#named || names.includes(ALL);
    } catch (error) {
      // A run of a test, or somebody removed it.
      if (errorCode(error) === "ENOENT") return true;
      throw storeError("read", this.#path, error);
    }
  }

  async #size(): Promise<number> {
    // Through a handle, so that no cached attributes are seen.
    using file = await this.#store.machine.files.open(this.#path);
    return (await file.stat()).size;
  }
}
