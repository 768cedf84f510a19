import { bold, cyan, dim, green, red, yellow } from "@std/fmt/colors";

/** Colours by what they mean, or none at all. */
export interface Style {
  /** What succeeded. */
  good(text: string): string;
  /** What failed. */
  bad(text: string): string;
  /** What needs attention. */
  warn(text: string): string;
  /** What runs now. */
  active(text: string): string;
  /** What matters less. */
  faint(text: string): string;
  /** What matters most. */
  strong(text: string): string;
}

const same = (text: string): string => text;

/** The colours to use. `NO_COLOR` in the environment stands above `color`. */
export function style(color: boolean): Style {
  return color
    ? { good: green, bad: red, warn: yellow, active: cyan, faint: dim, strong: bold }
    : { good: same, bad: same, warn: same, active: same, faint: same, strong: same };
}
