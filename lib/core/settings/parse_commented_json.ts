const STRING = String.raw`"(?:[^"\\\n]|\\.)*"`;
const STRING_OR_COMMENT = new RegExp(String.raw`${STRING}|//[^\r\n]*|/\*[^]*?\*/`, "g");
/** A comma after a value, and before what closes an object or an array. */
const STRING_OR_LAST_COMMA = new RegExp(String.raw`${STRING}|(?<![{[,:]\s*),(?=\s*[}\]])`, "g");

/**
 * Parses JSON that may have comments, and commas after the last of something. Every process of furu reads a
 * configuration when it starts, and to load a library for it would take longer than all of the reading.
 *
 * @throws {SyntaxError} If it is no such JSON: says where, by the lines and columns of the text.
 */
export function parseCommentedJson(text: string): unknown {
  return JSON.parse(blank(blank(text, STRING_OR_COMMENT), STRING_OR_LAST_COMMA));
}

/** Puts blanks in the place of all that is found but strings. */
function blank(text: string, pieces: RegExp): string {
  return text.replace(pieces, (piece) => piece.startsWith('"') ? piece : piece.replace(/[^\r\n]/g, " "));
}
