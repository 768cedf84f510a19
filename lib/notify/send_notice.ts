import { errorText } from "../core/errors.ts";
import { maskedUrl, type ParsedTarget } from "../core/settings/notify_setting.ts";
import { oneLine, truncate } from "../ui/text.ts";
import type { Notice } from "./notice.ts";

/** Who is told takes no longer than that, in milliseconds. */
const LIMIT_MS = 10_000;
const MOST_COLUMNS = 300;

/** Where, and from where, a notice is sent. */
export interface SendOptions {
  /** Who is told. */
  readonly target: ParsedTarget;
  /** The folder that a program is started in. */
  readonly cwd: string;
  /**
   * Milliseconds after which it has failed.
   *
   * @default {10,000}
   */
  readonly limitMs?: number;
}

/**
 * Sends a notice: to a program on its standard input as a line of JSON, to a URL as the body of a POST.
 *
 * @returns Nothing; or what went wrong, without what may be a secret.
 */
export async function sendNotice(
  notice: Notice,
  { target: { url, argv }, cwd, limitMs = LIMIT_MS }: SendOptions,
): Promise<string | undefined> {
  const text = `${JSON.stringify(notice)}\n`;
  const late = `there was no answer within ${limitMs / 1000} s`;
  if (url !== undefined) return await post(url, text, { limitMs, late });
  return await start(argv!, text, { cwd, limitMs });
}

async function post(
  url: string,
  body: string,
  { limitMs, late }: { limitMs: number; late: string },
): Promise<string | undefined> {
  const whom = maskedUrl(url);
  const { host } = new URL(url);
  // Nobody is asked for a permission in the middle of a run.
  if (Deno.permissions.querySync({ name: "net", host }).state !== "granted") {
    return `${whom} could not be told: that needs --allow-net=${host}`;
  }
  try {
    const headers = { "content-type": "application/json" };
    const signal = AbortSignal.timeout(limitMs);
    const response = await fetch(url, { method: "POST", body, headers, signal });
    const answer = await response.text().catch(() => "");
    if (response.ok) return undefined;
    const said = truncate(oneLine(withoutUrls(answer)), MOST_COLUMNS);
    return `${whom} answered ${response.status}${said === "" ? "" : `: ${said}`}`;
  } catch (error) {
    const why = error instanceof DOMException && error.name === "TimeoutError" ? late : causeText(error);
    return `${whom} could not be told: ${withoutUrls(why)}`;
  }
}

/** What the system says of a URL names all of it. */
function withoutUrls(text: string): string {
  return text.replaceAll(/https?:\/\/[^\s"')]+/gi, maskedUrl);
}

/** What `fetch` says names the whole URL, and what the matter is only in its cause. */
function causeText(error: unknown): string {
  const { cause } = error as { cause?: unknown };
  return errorText(cause ?? error);
}

async function start(
  argv: readonly string[],
  text: string,
  { cwd, limitMs }: { cwd: string; limitMs: number },
): Promise<string | undefined> {
  const [program = "", ...args] = argv;
  const shown = program === "sh" && args[0] === "-c" ? "its command" : `'${program}'`;
  if (Deno.permissions.querySync({ name: "run", command: program }).state !== "granted") {
    return `${shown} could not be started: that needs --allow-run=${program}`;
  }
  let child;
  try {
    child = new Deno.Command(program, { args, cwd, stdin: "piped", stdout: "null", stderr: "piped" }).spawn();
  } catch (error) {
    return `${shown} could not be started: ${errorText(error)}`;
  }
  const stderr = readSome(child.stderr);
  // One that does not read it, or has ended, is none the worse for it.
  const fed = feed(child.stdin, text);
  let timer;
  const ended = await Promise.race([
    child.status,
    new Promise<undefined>((late) => timer = setTimeout(late, limitMs, undefined)),
  ]);
  clearTimeout(timer);
  if (ended === undefined) {
    try {
      child.kill("SIGKILL");
    } catch { /* it has ended just now */ }
    child.unref();
    stderr.stop();
    return `${shown} took longer than ${limitMs / 1000} s, and was ended`;
  }
  await fed;
  // What it left running may keep its stderr open.
  const said = truncate(oneLine(await stderr.within(100)), MOST_COLUMNS);
  if (ended.success) return undefined;
  return `${shown} ended with exit code ${ended.code}${said === "" ? "" : `: ${said}`}`;
}

async function feed(stdin: WritableStream<Uint8Array>, text: string): Promise<void> {
  const writer = stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch { /* it does not read */ }
}

/** The beginning of what a program says; it never waits for long. */
function readSome(stream: ReadableStream<Uint8Array>): {
  within: (ms: number) => Promise<string>;
  stop: () => void;
} {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let said = "";
  const reading = (async () => {
    for (let next; !(next = await reader.read()).done;) {
      if (said.length < 4000) said += decoder.decode(next.value);
    }
  })().catch(() => {});
  const stop = (): void => void reader.cancel().catch(() => {});
  return {
    stop,
    within: async (ms) => {
      let timer;
      await Promise.race([reading, new Promise((go) => timer = setTimeout(go, ms))]);
      clearTimeout(timer);
      stop();
      return said;
    },
  };
}
