/** Units of limits, by the names of the limits. */
export type LimitUnits = Readonly<Record<string, number>>;

/**
 * What an attempt takes of the limits of its run: the name of one (a unit of it), units by name, or several
 * of these.
 */
export type TaskLimits = string | LimitUnits | readonly (string | LimitUnits)[];

/** No unit of anything. */
export const NO_UNITS: LimitUnits = Object.freeze({});

const NAME = /^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}$/;

/** Whether a word can name a limit. */
export function isLimitName(word: string): boolean {
  return NAME.test(word);
}

/** What a name of a limit must be, for errors. */
export const LIMIT_NAME = "one word of [A-Za-z0-9_.-], not beginning with a dot";

/**
 * Reads `license=3,api=8`.
 *
 * @returns The units by name, as they are written; the text itself where it has another form.
 */
export function parseLimits(text: string): Record<string, number> | string {
  const limits: Record<string, number> = {};
  for (const part of text.split(",")) {
    const [, name, units] = /^\s*([^=\s]+)\s*=\s*(\d+)\s*$/.exec(part) ?? [];
    if (name === undefined || !isLimitName(name) || Object.hasOwn(limits, name)) return text;
    limits[name] = Number(units);
  }
  return limits;
}

/** The limits of several places, the strongest last; nothing where none has any. */
export function mergeLimits(
  ...places: readonly (LimitUnits | undefined)[]
): Record<string, number> | undefined {
  return places.some((each) => each !== undefined) ? Object.assign({}, ...places) : undefined;
}
