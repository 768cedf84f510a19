/** The program that commands belong to: `furu` itself, or a script of the user's that called `main`. */
export interface Program {
  /** What people type to start it. */
  readonly name: string;
  /** The script's own roots; none for `furu`, whose commands name a module. */
  readonly script?: {
    /** URL of the script. */
    readonly url: string;
    /** What it gave to `main`. */
    readonly roots: unknown;
  };
}

/** The program that comes with furu. */
export const furuProgram: Program = { name: "furu" };
