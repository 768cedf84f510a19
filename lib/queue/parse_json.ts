import { z } from "zod";

/** What was read, or why it cannot be used. */
export type Parsed<T> = { readonly value: T } | { readonly fault: string };

/** Reads a text as JSON of a form. A fault is in words for people, without the file's name. */
export function parseJson<T>(text: string, form: z.ZodType<T>): Parsed<T> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { fault: text === "" ? "it is empty" : "it is truncated or not JSON" };
  }
  const parsed = form.safeParse(json);
  return parsed.success
    ? { value: parsed.data }
    : { fault: z.prettifyError(parsed.error).replaceAll("\n", " ") };
}
