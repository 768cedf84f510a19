import { z } from "zod";

/** When a notice is sent: when the run has ended, or when the first of its artifacts has failed for good. */
export type NotifyMoment = "end" | "failure";

/** A program that is started for a notice, and when. */
export interface NotifyCommand {
  /** A line for the shell, or a program with its arguments. */
  command: string | string[];
  /**
   * When it is started.
   *
   * @default {both}
   */
  on?: NotifyMoment[];
}

/** An address that a notice is sent to, and when. */
export interface NotifyUrl {
  /** The URL: `http:` or `https:`. */
  url: string;
  /**
   * When it is sent.
   *
   * @default {both}
   */
  on?: NotifyMoment[];
}

/** Who is told how a run ends: a URL, a line for the shell, or a program with its arguments. */
export type NotifyTarget = string | string[] | NotifyCommand | NotifyUrl;

const words = () => z.array(z.string()).min(1);
const moments = () => z.array(z.enum(["end", "failure"])).min(1).optional();
const isAddress = (text: string): boolean => /^https?:\/\//i.test(text);
const address = () =>
  z.string().refine((text) => isAddress(text) && URL.canParse(text), "it must be a URL, https://...");
const line = () =>
  z.string().refine(
    (text) => text.trim() !== "" && (!isAddress(text) || URL.canParse(text)),
    "it must be a URL, or a command",
  );

/** The form of the setting; `false` is nobody. */
export const notifyForm = () =>
  z.union([
    z.literal(false),
    line(),
    words(),
    z.strictObject({ command: z.union([line(), words()]), on: moments() }),
    z.strictObject({ url: address(), on: moments() }),
  ], {
    error: () =>
      "it must be a URL, a command (a line for the shell, or a list of words), false, or an object: " +
      '{"url" or "command": ..., "on": ["end", "failure"]}',
  });

/** A target in the one form that all others stand for. */
export interface ParsedTarget {
  /** The URL. */
  readonly url?: string;
  /** The program with its arguments. */
  readonly argv?: readonly string[];
  /** When it is told. */
  readonly on: readonly NotifyMoment[];
}

/** Takes a setting apart; nothing for nobody. */
export function parseTarget(target: NotifyTarget | false | undefined): ParsedTarget | undefined {
  if (target === undefined || target === false) return undefined;
  const given = typeof target === "string" || Array.isArray(target) ? { command: target } : target;
  const on = given.on ?? ["end", "failure"];
  if ("url" in given) return { url: given.url, on };
  const { command } = given;
  if (typeof command !== "string") return { argv: command, on };
  return isAddress(command) ? { url: command, on } : { argv: ["sh", "-c", command], on };
}

/** A URL as people may see it: its path is often a secret, and so may a name before the host be. */
export function maskedUrl(url: string): string {
  return URL.canParse(url) ? `${new URL(url).protocol}//${new URL(url).host}/...` : "a URL";
}

/** Settings or words of a command line, in which URLs of notices are masked. */
export function maskedSetting(value: unknown): unknown {
  if (typeof value === "string") return isAddress(value) ? maskedUrl(value) : value;
  if (typeof value !== "object" || value === null || !("url" in value)) return value;
  return { ...value, url: maskedSetting(value.url) };
}

/** The words of a command line without the URL that notices are sent to. */
export function maskedWords(words: readonly string[]): string[] {
  return words.map((word, i) => {
    const [, flag = "", value] = /^(--notify=)(.*)$/s.exec(word) ?? [];
    if (value !== undefined) return `${flag}${maskedSetting(value)}`;
    return words[i - 1] === "--notify" ? `${maskedSetting(word)}` : word;
  });
}
