import type { ChildMessage, Hello } from "./protocol.ts";

// By hand: a supervisor of one task would load nothing else that needs a library for it.
type Check = (value: unknown) => boolean;
type Members = Readonly<Record<string, Check>>;

const isText: Check = (value) => typeof value === "string";
const isNumber: Check = (value) => typeof value === "number" && !Number.isNaN(value);
const isInteger: Check = (value) => Number.isSafeInteger(value);
const isFlag: Check = (value) => typeof value === "boolean";
const isTrue: Check = (value) => value === true;
const optional = (check: Check): Check => (value) => value === undefined || check(value);
const oneOf = (...words: string[]): Check => (value) => words.includes(value as string);

const HELLO: Members = { type: oneOf("hello"), v: isNumber, token: isText, pid: isInteger };

const USE: Members = {
  durationMs: optional(isNumber),
  cpuSec: optional(isNumber),
  programsCpuSec: optional(isNumber),
  peakMemoryBytes: optional(isNumber),
};
const isUse: Check = (value) => memberFault(value, USE) === undefined;

const ENDS: Readonly<Record<string, Members>> = {
  success: {},
  superseded: {},
  preempted: { reason: isText, used: optional(isUse) },
  failed: {
    blame: oneOf("compute", "protocol", "node"),
    error: isText,
    stack: optional(isText),
    code: optional(isText),
    lasting: optional(isTrue),
    lack: optional(oneOf("memory", "time")),
    used: optional(isUse),
  },
};

const MESSAGES: Readonly<Record<string, Members>> = {
  progress: { id: isInteger, fraction: isNumber, message: optional(isText) },
  ended: {
    id: isInteger,
    end: (value) => faultOf(value, "outcome", ENDS) === undefined,
    signalled: isFlag,
    marked: isFlag,
    replaceMe: isFlag,
    rss: optional(isNumber),
  },
  declined: { id: isInteger, marked: isFlag, replaceMe: isFlag },
  warning: { id: isInteger, text: isText },
  floating: { id: isInteger, text: isText },
};

/**
 * Reads a message of a computing process.
 *
 * @throws {Error} for what is no such message.
 */
export function parseChildMessage(line: string): ChildMessage {
  const message: unknown = JSON.parse(line);
  const fault = faultOf(message, "type", MESSAGES);
  if (fault !== undefined) throw new Error(`no message of a computing process: ${fault}`);
  return message as ChildMessage;
}

/** Reads the first line of a connection; `undefined` for what is no such line. */
export function parseHello(line: string): Hello | undefined {
  try {
    const hello: unknown = JSON.parse(line);
    return memberFault(hello, HELLO) === undefined ? hello as Hello : undefined;
  } catch {
    return undefined;
  }
}

function faultOf(
  value: unknown,
  kind: string,
  forms: Readonly<Record<string, Members>>,
): string | undefined {
  const word = (value as Record<string, unknown> | null)?.[kind];
  if (typeof word !== "string" || !Object.hasOwn(forms, word)) return `unknown ${kind} ${Deno.inspect(word)}`;
  return memberFault(value, forms[word]!);
}

function memberFault(value: unknown, members: Members): string | undefined {
  const of = value as Record<string, unknown> | null;
  for (const name in members) if (!members[name]!(of?.[name])) return `its '${name}' is wrong`;
  return undefined;
}
