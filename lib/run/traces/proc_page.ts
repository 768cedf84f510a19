/** A page of Linux's about the system or this process: short, and made anew each time that it is read. */
export class ProcPage {
  readonly #path: string;
  readonly #form: RegExp;
  readonly #bytes = new Uint8Array(256);
  #file: Deno.FsFile | undefined;

  /** @param form What its first 256 bytes look like. */
  constructor(path: string, form: RegExp) {
    this.#path = path;
    this.#form = form;
  }

  /**
   * Keeps it open from now on, as reading it is a third of the work then. It is for a process of furu's own,
   * before anybody else's code runs: who closes the number of a file twice would close one of his own.
   */
  keepOpen(): void {
    try {
      this.#file ??= Deno.openSync(this.#path);
    } catch {
      // Another system, or a process without the permission.
    }
  }

  /** How it begins; `undefined` where the system has no such page or this process may not read it. */
  text(): string | undefined {
    return this.#kept() ?? this.#opened();
  }

  #kept(): string | undefined {
    const file = this.#file;
    if (file === undefined) return undefined;
    try {
      file.seekSync(0, Deno.SeekMode.Start);
      const text = decode(this.#bytes.subarray(0, file.readSync(this.#bytes) ?? 0));
      if (this.#form.test(text)) return text;
    } catch {
      // Closed by somebody.
    }
    this.#file = undefined; // not closed: its number may be somebody else's by now
    return undefined;
  }

  #opened(): string | undefined {
    try {
      const text = Deno.readTextFileSync(this.#path);
      return this.#form.test(text) ? text : undefined;
    } catch {
      return undefined;
    }
  }
}

/** A task may have replaced it. */
const decode = TextDecoder.prototype.decode.bind(new TextDecoder());

/** What Linux says of this process; its umask among the first. */
export const STATUS_PAGE: ProcPage = new ProcPage("/proc/self/status", /^Name:.*\nUmask:\s*[0-7]+\n/);

/** What it has done so far: numbers, the page faults of its programs among the first. */
export const STAT_PAGE: ProcPage = new ProcPage("/proc/self/stat", /^\d+ \(.*\) \w( -?\d+){12}/s);

/**
 * The number of the process or thread that began last, of all that this process can see: while it stays, none
 * has begun. Few systems lack it.
 */
export const LAST_PID_PAGE: ProcPage = new ProcPage("/proc/sys/kernel/ns_last_pid", /^\d+\n$/);
