/** Stand-in for `jsr:@std/fmt/colors`: the same code, from npm's `deno-std`. @module */
import * as real from "npm:deno-std@1.4.0/fmt/colors.js";

/** See https://jsr.io/@std/fmt/doc/colors/~/setColorEnabled. */
export const setColorEnabled: (value: boolean) => void = real.setColorEnabled;

/** See https://jsr.io/@std/fmt/doc/colors/~/getColorEnabled. */
export const getColorEnabled: () => boolean = real.getColorEnabled;

/** See https://jsr.io/@std/fmt/doc/colors/~/bold. */
export const bold: (str: string) => string = real.bold;

/** See https://jsr.io/@std/fmt/doc/colors/~/dim. */
export const dim: (str: string) => string = real.dim;

/** See https://jsr.io/@std/fmt/doc/colors/~/italic. */
export const italic: (str: string) => string = real.italic;

/** See https://jsr.io/@std/fmt/doc/colors/~/underline. */
export const underline: (str: string) => string = real.underline;

/** See https://jsr.io/@std/fmt/doc/colors/~/inverse. */
export const inverse: (str: string) => string = real.inverse;

/** See https://jsr.io/@std/fmt/doc/colors/~/black. */
export const black: (str: string) => string = real.black;

/** See https://jsr.io/@std/fmt/doc/colors/~/red. */
export const red: (str: string) => string = real.red;

/** See https://jsr.io/@std/fmt/doc/colors/~/green. */
export const green: (str: string) => string = real.green;

/** See https://jsr.io/@std/fmt/doc/colors/~/yellow. */
export const yellow: (str: string) => string = real.yellow;

/** See https://jsr.io/@std/fmt/doc/colors/~/blue. */
export const blue: (str: string) => string = real.blue;

/** See https://jsr.io/@std/fmt/doc/colors/~/magenta. */
export const magenta: (str: string) => string = real.magenta;

/** See https://jsr.io/@std/fmt/doc/colors/~/cyan. */
export const cyan: (str: string) => string = real.cyan;

/** See https://jsr.io/@std/fmt/doc/colors/~/white. */
export const white: (str: string) => string = real.white;

/** See https://jsr.io/@std/fmt/doc/colors/~/gray. */
export const gray: (str: string) => string = real.gray;

/** See https://jsr.io/@std/fmt/doc/colors/~/brightRed. */
export const brightRed: (str: string) => string = real.brightRed;

/** See https://jsr.io/@std/fmt/doc/colors/~/brightGreen. */
export const brightGreen: (str: string) => string = real.brightGreen;

/** See https://jsr.io/@std/fmt/doc/colors/~/brightYellow. */
export const brightYellow: (str: string) => string = real.brightYellow;

/** See https://jsr.io/@std/fmt/doc/colors/~/stripAnsiCode. */
export const stripAnsiCode: (string: string) => string = real.stripAnsiCode;
