/** A terminal in memory that knows what the display uses: line ends, returns, cursor up, erasing. */
export class FakeTerminal {
  writes = 0;
  #columns: number;
  #rows: string[] = [""];
  #row = 0;
  #column = 0;

  constructor(columns: number) {
    this.#columns = columns;
  }

  readonly width = (): number => this.#columns;

  readonly write = (text: string): void => {
    this.writes++;
    // deno-lint-ignore no-control-regex
    for (const [token, , count = "", command] of text.matchAll(/(\x1b\[(\d*)([A-Za-z]))|[^]/gu)) {
      if (command === "A") this.#row = Math.max(0, this.#row - Number(count || 1));
      else if (command === "K") this.#rows[this.#row] = this.#current().slice(0, this.#column);
      else if (command === "J") {
        this.#rows.length = this.#row + 1;
        this.#rows[this.#row] = this.#current().slice(0, this.#column);
      } else if (command !== undefined) throw new Error(`unknown sequence ${JSON.stringify(token)}`);
      else if (token === "\n") this.#newline();
      else if (token === "\r") this.#column = 0;
      else this.#put(token);
    }
  };

  /** Makes the terminal narrower, as terminals do that wrap again what they show. */
  resize(columns: number): void {
    const rows = this.#rows.flatMap((row) => row.match(new RegExp(`.{1,${columns}}`, "g")) ?? [""]);
    this.#columns = columns;
    this.#rows = rows;
    this.#row = rows.length - 1;
  }

  /** What is shown, without the empty line that the cursor is on. */
  lines(): string[] {
    const rows = [...this.#rows];
    while (rows.at(-1) === "") rows.pop();
    return rows;
  }

  #current(): string {
    return this.#rows[this.#row] ?? "";
  }

  #newline(): void {
    this.#row++;
    this.#column = 0;
    if (this.#row === this.#rows.length) this.#rows.push("");
  }

  #put(character: string): void {
    if (this.#column >= this.#columns) this.#newline();
    const row = this.#current();
    this.#rows[this.#row] = row.slice(0, this.#column).padEnd(this.#column) + character +
      row.slice(this.#column + 1);
    this.#column++;
  }
}
