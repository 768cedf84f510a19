import { init, parse } from "es-module-lexer";
import { transform } from "sucrase";
import { errorText } from "../core/errors.ts";

/** A module of the user's as JavaScript. */
export interface JavaScript {
  /** Its text: each line stays where it was. */
  code: string;
  /** What it imports before it runs. */
  imports: StaticImport[];
}

/** An import that is written out. */
export interface StaticImport {
  /** As it is written. */
  specifier: string;
  /** What it means. */
  target: string;
  /** Whether it is data, as JSON. */
  isData: boolean;
}

const TYPESCRIPT = /\.[mc]?tsx?$/;
const JSX = /\.[jt]sx$/;
/** Holds values, which would be lost; one of types alone begins with `declare`. */
const NAMESPACE = /^[ \t]*(?:export\s+)?(?:namespace|module)\s+[\w$.]+\s*\{/m;

/** How the text of a module calls what imports for it while it runs. */
const IMPORT = 'globalThis[Symbol.for("furu/1")].importFrom(import.meta.url, ';

/**
 * Makes JavaScript of a module, in which imports mean what they are resolved to, and those that happen while
 * it runs are asked for from `importFrom` of furu's globals.
 *
 * @param url Where it is: its ending says what it is.
 * @param resolve Says what an import means.
 * @throws {SyntaxError} If it cannot be read, with the place.
 */
export async function toJavaScript(
  source: string,
  url: string,
  resolve: (specifier: string) => string,
): Promise<JavaScript> {
  await init;
  const text = TYPESCRIPT.test(url) || JSX.test(url) ? withoutTypes(source, url) : source;
  const imports: StaticImport[] = [];
  let code = "";
  let end = 0;
  const put = (from: number, to: number, replacement: string): void => {
    code += text.slice(end, from) + replacement;
    end = to;
  };
  for (const each of importsOf(text, url)) {
    if (each.type === "dynamic") put(each.importStart, each.dynamicStart + 1, IMPORT);
    else if (each.type !== "import-meta") {
      const { specifier, start, end: last } = each;
      const target = resolve(specifier);
      const isData = each.attributes?.some(([name]) => name === "type") ?? false;
      imports.push({ specifier, target, isData });
      if (!/^\.{0,2}\//.test(specifier) || new URL(specifier, url).href !== target) {
        if (target !== specifier) put(start, last, JSON.stringify(target).slice(1, -1));
      }
    }
  }
  return { code: code + text.slice(end), imports };
}

function withoutTypes(source: string, url: string): string {
  const [namespace] = NAMESPACE.exec(source) ?? [];
  if (namespace !== undefined) {
    const line = source.slice(0, source.indexOf(namespace)).split("\n").length;
    throw new SyntaxError(`A namespace cannot be read here: make it a module of its own at ${url}:${line}`);
  }
  try {
    return transform(source, {
      transforms: ["typescript", ...JSX.test(url) ? ["jsx" as const] : []],
      disableESTransforms: true,
      preserveDynamicImport: true,
      production: true,
    }).code;
  } catch (cause) {
    // (line:column)
    const [, why, place = ""] = /^(?:Error transforming.*?: )?(?:SyntaxError: )?(.*?)(?: \((\d+:\d+)\))?$/s
      .exec(errorText(cause))!;
    throw new SyntaxError(`${why} at ${url}${place && `:${place}`}`);
  }
}

function importsOf(text: string, url: string): ReturnType<typeof parse>[0] {
  try {
    return parse(text, url)[0];
  } catch (cause) {
    throw new SyntaxError(errorText(cause).replace(/^Error: /, ""));
  }
}
