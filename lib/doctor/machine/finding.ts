import { errorCode } from "../../core/errors.ts";
import { formatDuration } from "../../ui/duration.ts";

/**
 * How good something is: *wrong* is what furu does not work with, *warning* what it works with, but not well,
 * *unknown* what could not be found out.
 */
export type Level = "fine" | "warning" | "wrong" | "unknown";

/** A setting of `furu.json` by the names on the way to it: `["slurm", "nodesSubmit"]`. */
export interface FoundSetting {
  /** The names. */
  readonly path: readonly string[];
  /** The value that this site wants. */
  readonly value: string | number | boolean;
}

/** What was found about one thing. */
export interface DoctorFinding {
  /** What it is about, the same for ever: `store.hard-links`. docs/doctor.md has each. */
  readonly id: string;
  /** How good it is. */
  readonly level: Level;
  /** The thing, for people: `hard links`. */
  readonly what: string;
  /** What was found. */
  readonly found: string;
  /** What does not work with furu because of that. */
  readonly effect?: string | undefined;
  /** What to do. */
  readonly fix?: string | undefined;
  /** What `furu.json` should say. */
  readonly settings?: readonly FoundSetting[] | undefined;
  /** What was measured, for programs. */
  readonly values?: Readonly<Record<string, unknown>> | undefined;
}

/** The parts of a {@link DoctorFinding} besides what it is about. */
export type FindingParts = Omit<DoctorFinding, "id" | "what" | "level">;

/** What one fact means. */
export type Judgement = { readonly level: Level } & FindingParts;

/** How a question to the machine ended. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | {
    readonly ok: false;
    /** The system's words. */
    readonly error: string;
    /** The system's code, as `EROFS`. */
    readonly code?: string | undefined;
    /** Seconds without an answer, where that is what was wrong. */
    readonly hungSec?: number | undefined;
    /** Whether it was not asked, as something before it failed. */
    readonly skipped?: boolean | undefined;
  };

/** All that was asked, by name; what is missing was not. */
export type Outcomes<F> = { readonly [K in keyof F]?: Outcome<F[K]> };

/** Asks, and takes what is thrown as an answer. */
export async function outcomeOf<T>(ask: () => T | Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await ask() };
  } catch (error) {
    return { ok: false, error: error instanceof Error ? error.message : `${error}`, code: errorCode(error) };
  }
}

/** One thing to look at, and how its facts are judged. */
export interface Judged<T> {
  /** See {@link DoctorFinding}. */
  readonly id: string;
  /** See {@link DoctorFinding}. */
  readonly what: string;
  /** What it means that it could not be found out, where that means anything. */
  readonly unanswered?: (outcome: Outcome<T> & { ok: false }) => { level: Level } & Partial<FindingParts>;
  /** Judges what was found. */
  readonly judge: (value: T) => Judgement;
}

/** The finding about one fact. Nothing where it was not asked for. */
export function findingOf<T>(outcome: Outcome<T> | undefined, judged: Judged<T>): DoctorFinding[] {
  const { id, what, judge, unanswered } = judged;
  if (outcome === undefined) return [];
  if (outcome.ok) return [{ id, what, ...judge(outcome.value) }];
  if (outcome.skipped) return [{ id, what, level: "unknown", found: "not looked at" }];
  const found = outcome.hungSec === undefined ? outcome.error : `no answer within ${outcome.hungSec} s`;
  if (outcome.hungSec !== undefined) {
    const effect = "whatever waits for that hangs, too";
    return [{ id, what, level: "wrong", found, effect, fix: "ask whoever runs the file server" }];
  }
  return [{ id, what, level: "unknown", found, ...unanswered?.(outcome) }];
}

/** The number of findings of each level. */
export function countLevels(findings: readonly DoctorFinding[]): Record<Level, number> {
  const counts = { fine: 0, warning: 0, wrong: 0, unknown: 0 };
  for (const { level } of findings) counts[level]++;
  return counts;
}

/** A duration for people, of which the short ones matter: `12 ms`, else as elsewhere. */
export function delayText(ms: number): string {
  return ms < 995 ? `${ms < 9.95 ? Math.round(ms * 10) / 10 : Math.round(ms)} ms` : formatDuration(ms);
}
