import type { FailedAttempt, Shortage } from "../core/attempt_end.ts";

/**
 * Where an artifact goes on after too little: by the spec that was too little, and of what, the next one. No
 * way through it comes back to a spec, so that the way from the first one is bounded.
 */
export type SpecLadder = Readonly<Record<string, Readonly<Partial<Record<Shortage, string>>>>>;

/** An attempt that had too little, as its end says. */
export interface TooLittle {
  /** The spec of the attempt. */
  readonly spec?: string | undefined;
  /** What it had too little of. */
  readonly lack?: Shortage | undefined;
}

/** The specs that an artifact may be computed by. */
export interface SpecNeeds {
  /** The first one. */
  readonly spec: string;
  /**
   * Those after it.
   *
   * @default {none}
   */
  readonly ladder?: SpecLadder;
  /**
   * Those that a later run goes on with after too little, where this one keeps its spec.
   *
   * @default {none}
   */
  readonly later?: SpecLadder[string];
}

/** The next spec after too little; nothing where there is none. */
export function nextSpec(ladder: SpecLadder | undefined, spec: string, lack: Shortage): string | undefined {
  return ladder !== undefined && Object.hasOwn(ladder, spec) ? ladder[spec]![lack] : undefined;
}

/** The letter that a {@link Shortage} has in the name of a task's file. */
const LETTERS: Readonly<Record<Shortage, string>> = { memory: "m", time: "t" };

/** What earlier attempts had too little of, one letter each, with one more. */
export function lackedAlso(lacked: string, lack: Shortage): string {
  return lacked + LETTERS[lack];
}

/** The spec of the next attempt after such ones: as far up as the ladder goes. */
export function specAfter({ spec, ladder }: SpecNeeds, lacked: string): string {
  let at = spec;
  for (const letter of lacked) at = nextSpec(ladder, at, letter === LETTERS.time ? "time" : "memory") ?? at;
  return at;
}

/**
 * Where the first attempt of a run begins: above all specs that earlier attempts, of whichever run, found too
 * little.
 *
 * @returns What they lacked, a letter each, as {@link specAfter} takes it.
 */
export function lackedBefore({ spec, ladder }: SpecNeeds, ends: readonly TooLittle[]): string {
  let lacked = "";
  for (let at: string | undefined = spec; at !== undefined;) {
    const here: string = at;
    const end = ends.findLast(({ spec, lack }) => spec === here && lack && nextSpec(ladder, here, lack));
    at = end?.lack && nextSpec(ladder, here, end.lack);
    if (end?.lack) lacked = lackedAlso(lacked, end.lack);
  }
  return lacked;
}

/** All specs that attempts may come to from a spec, that one first. */
export function specsOn({ spec, ladder = {} }: SpecNeeds): string[] {
  const found = new Set([spec]);
  // A Set's iteration goes on over what is added meanwhile.
  for (const each of found) {
    for (const next of Object.values(Object.hasOwn(ladder, each) ? ladder[each]! : {})) found.add(next);
  }
  return [...found];
}

/** The most attempts after too little that there still may be from a spec on. */
export function stepsLeft(needs: SpecNeeds): number {
  const next = (["memory", "time"] as const).flatMap((lack) =>
    nextSpec(needs.ladder, needs.spec, lack) ?? []
  );
  return next.reduce((most, spec) => Math.max(most, 1 + stepsLeft({ ...needs, spec })), 0);
}

/** The ladder of specs one after another, whatever there was too little of; none for a single one. */
export function ladderOf(specs: readonly string[]): SpecLadder | undefined {
  if (specs.length < 2) return undefined;
  return Object.fromEntries(
    specs.slice(0, -1).map((spec, index) => {
      const next = specs[index + 1]!;
      return [spec, { memory: next, time: next }];
    }),
  );
}

/** The specs on the way from the first one to another, for people. */
export function wayTo(needs: SpecNeeds, spec: string): string[] {
  const way = (at: string): string[] | undefined => {
    if (at === spec) return [at];
    for (const lack of ["memory", "time"] as const) {
      const next = nextSpec(needs.ladder, at, lack);
      const rest = next === undefined ? undefined : way(next);
      if (rest) return [at, ...rest];
    }
    return undefined;
  };
  return way(needs.spec) ?? [spec];
}

/** The spec with which an artifact is tried again after too little. */
export interface Raise {
  /** The spec. */
  readonly spec: string;
  /** How many such retries there may be, this one included. */
  readonly left: number;
}

/**
 * What follows from an attempt that may have had too little: another spec; or that there is none any more, so
 * that trying again cannot help, with what was tried, or what a later run does. Where there is only one spec
 * nothing does.
 *
 * @param needs The specs of the artifact.
 * @param spec That of the attempt.
 */
export function afterTooLittle<E extends FailedAttempt>(
  needs: SpecNeeds,
  spec: string,
  end: E,
): { readonly end: E; readonly raise?: Raise } {
  const { lack } = end;
  const later = lack && needs.later?.[lack];
  if (later !== undefined) {
    const why =
      `it had too little ${lack}, and this run keeps spec '${spec}': the next one goes on with '${later}'`;
    return { end: { ...end, error: `${end.error}; ${why}`, lasting: true } };
  }
  if (needs.ladder === undefined || lack === undefined) return { end };
  const next = nextSpec(needs.ladder, spec, lack);
  if (next !== undefined) {
    return { end, raise: { spec: next, left: 1 + stepsLeft({ ...needs, spec: next }) } };
  }
  const tried = wayTo(needs, spec).map((each) => `'${each}'`);
  const words = tried.length === 1
    ? `spec ${tried[0]}`
    : `specs ${tried.slice(0, -1).join(", ")} and ${tried.at(-1)}`;
  const why = `it had too little ${lack}, and after ${words} there is none to go on with`;
  return { end: { ...end, error: `${end.error}; ${why}`, lasting: true } };
}
