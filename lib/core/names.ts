import { ValidationError } from "./errors.ts";

const WORD = /^[A-Za-z0-9_-][A-Za-z0-9_.-]*$/;
// `<hash>` and `<hash>.json` are the store's own names beside those of tasks.
const HASH_LIKE = /^[0-9a-f]{32}($|\.)/i;
const MAX_LENGTH = 200;

/** Why a word cannot be the name of a folder of ours; `undefined` when it can. */
function fault(word: string): string | undefined {
  if (word === "") return "an empty word";
  if (word.startsWith(".")) return `'${word}', which begins with a dot`;
  if (!WORD.test(word)) return `'${word}', which has other characters`;
  if (HASH_LIKE.test(word)) return `'${word}', which looks like a hash`;
  return undefined;
}

/**
 * Checks a name that becomes a path below a folder of ours: words of `[A-Za-z0-9_.-]` joined by `/`, none
 * beginning with a dot or looking like a hash, at most 200 characters in all.
 *
 * @param what What it names, for the error: `"task name"`.
 * @throws {ValidationError} naming the value, what is wrong in it and what is allowed.
 */
export function checkName(what: string, name: unknown): asserts name is string {
  check(what, name, (text) => text.split("/"), "words of [A-Za-z0-9_.-] joined by '/'");
}

/**
 * Checks a name that becomes one folder of ours, as a spec's key or a run id: like {@link checkName}, but one
 * word.
 *
 * @param what What it names, for the error: `"spec"`.
 * @throws {ValidationError} naming the value, what is wrong in it and what is allowed.
 */
export function checkWord(what: string, word: unknown): asserts word is string {
  check(what, word, (text) => [text], "one word of [A-Za-z0-9_.-]");
}

function check(what: string, name: unknown, split: (text: string) => string[], allowed: string): void {
  const rule = `it must be ${allowed}, none beginning with a dot or looking like a hash`;
  if (typeof name !== "string") {
    throw new ValidationError(`Cannot use a ${what} that is not a string, ${rule}: current value is ${name}`);
  }
  if (name.length > MAX_LENGTH) {
    throw new ValidationError(
      `Cannot use ${what} '${name.slice(0, 40)}...' as it may have at most ${MAX_LENGTH} characters: ` +
        `it has ${name.length}`,
    );
  }
  for (const word of split(name)) {
    const wrong = fault(word);
    if (wrong) throw new ValidationError(`Cannot use ${what} '${name}' as ${rule}: it has ${wrong}`);
  }
}
