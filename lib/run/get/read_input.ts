import { type Input, type InputType, makeInput } from "../../core/json/input_file.ts";
import { absolutePath } from "../../core/paths.ts";
import { contentOf } from "../../inputs/content.ts";
import { bytesText } from "../../ui/text.ts";
import { currentContext } from "../context.ts";
import { defaultRuntime } from "../default_runtime.ts";

/**
 * Reads the content of a file or a folder, so that it can be a parameter; what is known of it already is not
 * read again.
 *
 * @param path As people write it: from the current folder on, `~/...`, or a `file:` URL.
 * @throws {ValidationError} If there is none, or it cannot be read: names it, and says why.
 */
export async function readInput(kind: InputType, path: string | URL): Promise<Input> {
  const absolute = absolutePath(path, `a ${kind}`);
  const { store, logger } = currentContext()?.runtime ?? defaultRuntime();
  const onMuch = (bytes: number): void => {
    logger.info(`computing the digest of ${kind} ${absolute} (${bytesText(bytes)}), which is remembered`);
  };
  const { sha256, stamp } = await contentOf(kind, absolute, { store, onMuch });
  return makeInput(kind, { sha256, path: absolute, ...(stamp === undefined ? {} : { stamp }) });
}
