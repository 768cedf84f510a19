import { bold, cyan, dim, green, red, yellow } from "@std/fmt/colors";

/** Colours by what they mean, or none at all. */
export interface Style {
  /** For success. */
  good(text: string): string;
  /** For failures. */
  bad(text: string): string;
  /** For warnings. */
  warn(text: string): string;
  /** For tasks that run now. */
  active(text: string): string;
  /** For details. */
  faint(text: string): string;
  /** For headlines. */
  strong(text: string): string;
}

const same = (text: string): string => text;

/** The colours to use. `NO_COLOR` in the environment stands above `color`. */
export function style(color: boolean): Style {
  // Nothing needs no colour: an empty part of a bar stays empty.
  const tint = (paint: (text: string) => string) => (text: string): string => text === "" ? "" : paint(text);
  return color
    ? {
      good: tint(green),
      bad: tint(red),
      warn: tint(yellow),
      active: tint(cyan),
      faint: tint(dim),
      strong: tint(bold),
    }
    : { good: same, bad: same, warn: same, active: same, faint: same, strong: same };
}
