/** Stand-in for `jsr:@std/cli/unicode-width`, by hand: the tables of the real code are not on npm. @module */

/** Shown on top of what is before them, or not at all: marks, formats, the vowels and finals of Hangul. */
const ZERO = /^(?!\u00ad)[\p{Mn}\p{Me}\p{Cf}\u1160-\u11ff]$/u;

/** East Asian Wide and Fullwidth, https://www.unicode.org/reports/tr11/. */
const WIDE = new RegExp(
  "^(?![\\u{1f1e6}-\\u{1f1ff}\\u303f])[\\p{Emoji_Presentation}\\u1100-\\u115f\\u2329\\u232a\\u2e80-\\u3247\\u3250-\\u4dbf" +
    "\\u4e00-\\ua4cf\\ua960-\\ua97c\\uac00-\\ud7a3\\uf900-\\ufaff\\ufe10-\\ufe19\\ufe30-\\ufe6b\\uff01-\\uff60" +
    "\\uffe0-\\uffe6\\u{16fe0}-\\u{18cff}\\u{18d00}-\\u{18d08}\\u{1aff0}-\\u{1b2fb}\\u{1f200}-\\u{1f265}" +
    "\\u{1f3fb}-\\u{1f3ff}\\u{20000}-\\u{2fffd}\\u{30000}-\\u{3fffd}]$",
  "u",
);

/** The number of columns of a text on a terminal. See https://jsr.io/@std/cli/doc/~/unicodeWidth. */
export function unicodeWidth(str: string): number {
  let width = 0;
  for (const character of str) width += characterWidth(character);
  return width;
}

function characterWidth(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x7f) return code >= 0x20 ? 1 : 0;
  if (code < 0xa0 || ZERO.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
