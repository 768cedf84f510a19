import { applyEdits, modify } from "jsonc-parser";
import { ConfigError, errorCode } from "../core/errors.ts";
import type { FoundSetting } from "./machine/finding.ts";

/**
 * Puts settings into a configuration; all else stays as it is, its layout and comments included.
 *
 * @param text The configuration; nothing where there is none.
 */
export function withSettings(text: string | undefined, settings: readonly FoundSetting[]): string {
  const indent = /^([ \t]+)\S/m.exec(text ?? "")?.[1] ?? "  ";
  const formattingOptions = {
    insertSpaces: !indent.startsWith("\t"),
    tabSize: indent.startsWith("\t") ? 1 : indent.length,
    eol: text?.includes("\r\n") ? "\r\n" : "\n",
  };
  let edited = text === undefined || text.trim() === "" ? "{}\n" : text;
  for (const { path, value } of settings) {
    edited = applyEdits(edited, modify(edited, [...path], value, { formattingOptions }));
  }
  return edited;
}

/**
 * Puts settings into a file, all at once or not at all.
 *
 * @throws {ConfigError} If it cannot be written.
 */
export async function writeSettings(path: string, settings: readonly FoundSetting[]): Promise<void> {
  try {
    // The file itself, where that name is a link to it.
    const file = await Deno.realPath(path).catch((error) => {
      if (errorCode(error) === "ENOENT") return path;
      throw error;
    });
    const info = await Deno.stat(file).catch(() => undefined);
    const text = info && await Deno.readTextFile(file);
    const fresh = `${file}.${crypto.randomUUID().slice(0, 8)}.tmp`;
    try {
      await Deno.writeTextFile(fresh, withSettings(text, settings), { createNew: true });
      if (info?.mode != null) await Deno.chmod(fresh, info.mode & 0o777);
      await Deno.rename(fresh, file);
    } catch (error) {
      await Deno.remove(fresh).catch(() => {});
      throw error;
    }
  } catch (error) {
    throw new ConfigError(`Cannot write ${path}: ${(error as Error).message}`, { cause: error });
  }
}
