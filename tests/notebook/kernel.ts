import { assert } from "@std/assert";
import { deadline } from "@std/async/deadline";
import { fromFileUrl } from "@std/path/from-file-url";

/** Something that a kernel put out for a cell. */
export interface Output {
  id: number;
  type: "stream" | "display_data" | "update_display_data" | "execute_result" | "error" | "done" | "died";
  content: {
    name?: string;
    text?: string;
    data?: Record<string, string>;
    transient?: { display_id?: string };
    traceback?: string[];
    evalue?: string;
  };
  status?: string;
}

/** A cell that was run. */
export interface Cell {
  /** How it ended: `ok` or `error`. */
  status: string;
  /** All that it put out. */
  outputs: Output[];
  /** What it printed. */
  text: string;
  /** What its last line shows, by media type. */
  shown: Record<string, string>;
  /** The error that it ended with, as the notebook shows it. */
  error: string;
}

const PYTHON = "/usr/bin/python3";
/** No cell of the tests takes longer, on a machine that has other things to do. */
const CELL_MS = 120_000;

/** Whether this machine has what drives a kernel. */
export function kernelAvailable(): boolean {
  try {
    const args = ["-c", "import jupyter_client"];
    return new Deno.Command(PYTHON, { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
}

/** A kernel of `deno jupyter`, and a notebook's way to use it. */
export class Kernel implements AsyncDisposable {
  readonly #driver: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #outputs: Output[] = [];
  readonly #waiting = new Set<() => void>();
  #cells = 0;

  private constructor(driver: Deno.ChildProcess) {
    this.#driver = driver;
    this.#input = driver.stdin.getWriter();
    void this.#read(driver.stdout);
  }

  /** Starts one in a folder. */
  static async start(folder: string, env: Record<string, string>): Promise<Kernel> {
    const kernel = new Kernel(
      new Deno.Command(PYTHON, {
        args: [fromFileUrl(new URL("kernel.py", import.meta.url)), Deno.execPath()],
        cwd: folder,
        env,
        stdin: "piped",
        stdout: "piped",
        stderr: "null",
      }).spawn(),
    );
    await kernel.#until(() => kernel.#take("ready"), "the kernel to start");
    return kernel;
  }

  /** Begins to run a cell. */
  begin(code: string): number {
    const id = ++this.#cells;
    this.#send({ id, code });
    return id;
  }

  /** Runs a cell to its end. */
  async run(code: string): Promise<Cell> {
    return await this.end(this.begin(code), code);
  }

  /** Waits for the end of a cell. */
  async end(id: number, code = ""): Promise<Cell> {
    const done = () => this.#outputs.find((each) => each.id === id && each.type === "done");
    await this.#until(
      () => done() || this.#outputs.some(({ type }) => type === "died"),
      `the end of: ${code}`,
    );
    assert(done(), `the kernel died in: ${code}`);
    return this.cell(id);
  }

  /** What a cell has put out up to now: a kernel may say some of it after its end. */
  cell(id: number): Cell {
    const outputs = this.#outputs.filter((each) => each.id === id);
    return {
      outputs,
      status: outputs.find(({ type }) => type === "done")?.status ?? "running",
      text: outputs.map(({ content }) => content?.text ?? "").join(""),
      shown: outputs.find(({ type }) => type === "execute_result")?.content.data ?? {},
      error: outputs.flatMap(({ type, content }) => type === "error" ? content.traceback ?? [] : []).join(
        "\n",
      ),
    };
  }

  /** Waits until what a cell has put out fulfils a condition. */
  async shows(id: number, condition: (cell: Cell) => boolean): Promise<Cell> {
    await this.#until(
      () => condition(this.cell(id)),
      `a cell to show what is expected: ${condition}`,
      () => JSON.stringify(this.cell(id).outputs),
    );
    return this.cell(id);
  }

  /** Presses the button that interrupts. */
  interrupt(): void {
    this.#send({ do: "interrupt" });
  }

  /** Presses the button that restarts the kernel. */
  async restart(): Promise<void> {
    this.#send({ do: "restart" });
    await this.#until(() => this.#take("ready"), "the kernel to start again");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close();
    await this.#driver.status;
  }

  #send(command: Record<string, unknown>): void {
    void this.#input.write(new TextEncoder().encode(`${JSON.stringify(command)}\n`));
  }

  #take(type: string): boolean {
    const at = this.#outputs.findIndex((each) => (each.type as string) === type);
    if (at >= 0) this.#outputs.splice(at, 1);
    return at >= 0;
  }

  async #until(condition: () => unknown, what: string, seen = (): string => ""): Promise<void> {
    const waiting = (async () => {
      while (!condition()) await new Promise<void>((resolve) => this.#waiting.add(resolve));
    })();
    try {
      await deadline(waiting, CELL_MS);
    } catch (cause) {
      throw new Error(`Waited in vain for ${what} ${seen()}`, { cause });
    }
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    let rest = "";
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      const lines = `${rest}${text}`.split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#outputs.push({ content: {}, ...JSON.parse(line) });
      for (const resolve of this.#waiting) resolve();
      this.#waiting.clear();
    }
  }
}
