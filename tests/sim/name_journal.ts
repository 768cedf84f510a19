import type { Inode } from "./inode.ts";

/** A name that came or went, as one part of an operation. */
interface NameChange {
  operation: number;
  folder: Inode;
  name: string;
  inode: Inode;
  added: boolean;
  at: number;
}

/** How long a name can take to reach the disk by itself, in milliseconds of world time: as in a journal's default. */
export const JOURNAL_MS = 5000;

/** The names that may not have reached the disk yet. They get there in order, and an operation whole or not at all. */
export class NameJournal {
  readonly #changes: NameChange[] = [];
  #operation = 0;

  /** What is noted from now on belongs to another operation. */
  begin(): void {
    this.#operation++;
  }

  /** All that was noted is on the disk. */
  sync(): void {
    this.#changes.length = 0;
  }

  /** Notes a change. */
  note(folder: Inode, name: string, inode: Inode, added: boolean, at: number): void {
    this.#changes.push({ operation: this.#operation, folder, name, inode, added, at });
    this.#forget(at);
  }

  /**
   * Undoes the last operations.
   *
   * @param keep How many are kept of as many as may not have reached the disk.
   * @returns How many were undone.
   */
  undo(at: number, keep: (count: number) => number): number {
    this.#forget(at);
    const operations = [...new Set(this.#changes.map(({ operation }) => operation))];
    const first = operations[keep(operations.length)];
    if (first === undefined) return 0;
    for (;;) {
      const change = this.#changes.at(-1);
      if (change === undefined || change.operation < first) break;
      this.#changes.pop();
      const { folder, name, inode, added } = change;
      if (added) folder.entries?.delete(name);
      else folder.entries?.set(name, inode);
      inode.nlink += added ? -1 : 1;
      folder.changes.length = 0; // nobody is shown what was undone
    }
    const undone = operations.length - operations.indexOf(first);
    this.sync();
    return undone;
  }

  #forget(at: number): void {
    let old = 0;
    while ((this.#changes[old]?.at ?? at) < at - JOURNAL_MS) old++;
    // An operation is on the disk as a whole: its parts have one time.
    if (old > 0) this.#changes.splice(0, old);
  }
}
