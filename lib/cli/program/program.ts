/** The program that commands belong to: `furu` itself, or a script of the user's that called `main`. */
export interface Program {
  /** The word that people type to start it. */
  readonly name: string;
  /** The script's own roots; none for `furu`, whose commands name a module. */
  readonly script?: {
    /** URL of the script. */
    readonly url: string;
    /** The roots as it gave them to `main`. */
    readonly roots: unknown;
  };
}

/** The program that comes with furu. */
export const furuProgram: Program = { name: "furu" };
