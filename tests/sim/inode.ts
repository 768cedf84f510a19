import type { FileInfo } from "../../lib/core/system/files.ts";
import type { Host } from "./host.ts";

/** An inode that is a folder. */
export type Folder = Inode & { readonly entries: Map<string, Inode> };

/** A change of a folder, kept so that a stale listing can be shown. */
export interface Change {
  /** The name that came or went. */
  name: string;
  /** What it stood for. */
  inode: Inode;
  /** Did it come? */
  added: boolean;
  /** Who changed it. */
  by: Host;
  /** World time in milliseconds. */
  at: number;
}

/** A file or a folder, whatever names it has. */
export class Inode {
  /** The number that its names share. */
  readonly ino: number;
  /** How many names it has. */
  nlink = 1;
  /** Time of the last change by the clock of its author, in milliseconds. */
  mtimeMs: number;
  /** Permission bits. */
  mode: number;
  /** The names in it, for a folder. */
  readonly entries: Map<string, Inode> | undefined;
  /** Latest changes of a folder, oldest first. */
  readonly changes: Change[] = [];
  /** Contents, for a file. */
  data: string | Uint8Array = "";
  /** Who wrote contents that were not synced, and when (world time). */
  unsynced: { by: Host; at: number } | undefined;
  /** Who took its last name away. */
  unlinkedBy: Host | undefined;
  /** Open handles: who has it open, under which folder and name. */
  readonly handles: Set<Handle> = new Set();

  /** @param ino Its number. @param by Who makes it. @param folder Is it a folder? */
  constructor(ino: number, by: Host, folder: boolean) {
    this.ino = ino;
    this.mtimeMs = by.wall();
    this.mode = folder ? 0o755 : 0o644;
    this.entries = folder ? new Map() : undefined;
  }

  /** What `stat` tells. */
  info(): FileInfo {
    return {
      mtimeMs: this.mtimeMs,
      size: typeof this.data === "string" ? new TextEncoder().encode(this.data).length : this.data.length,
      nlink: this.nlink,
      ino: this.ino,
      mode: this.mode,
      isFile: this.entries === undefined,
      isDirectory: this.entries !== undefined,
    };
  }

  /** The contents as UTF-8 text. */
  text(): string {
    return typeof this.data === "string" ? this.data : new TextDecoder().decode(this.data);
  }

  /** The contents with more at their end. */
  with(more: string | Uint8Array): string | Uint8Array {
    if (typeof this.data === "string" && typeof more === "string") return this.data + more;
    const tail = typeof more === "string" ? new TextEncoder().encode(more) : more;
    return new Uint8Array([...this.bytes(), ...tail]);
  }

  /** The contents as bytes of their own. */
  bytes(): Uint8Array<ArrayBuffer> {
    return new Uint8Array(typeof this.data === "string" ? new TextEncoder().encode(this.data) : this.data);
  }
}

/** An open file of some host. */
export interface Handle {
  /** Whose. */
  host: Host;
  /** The folder that holds the name it was opened by. */
  folder: Inode;
  /** The name it was opened by; another one after a silly rename. */
  name: string;
  /** Is it called `.nfs...` now, to be removed when the handle is closed? */
  silly: boolean;
}
