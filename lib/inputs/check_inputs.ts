import { errorCode, lasting, ValidationError } from "../core/errors.ts";
import { factsOf, type Input, inputLabel } from "../core/json/input_file.ts";
import type { Store } from "../store/store.ts";
import { ARTIFACT, type Artifact } from "../task/artifact/artifact.ts";
import { contentOf } from "./content.ts";

/**
 * Makes sure that the files and folders in an artifact's parameters have the contents that it is known by:
 * before it is computed, and before what was computed of them is stored.
 *
 * @throws {ValidationError} If one has another content, cannot be read, or nobody knows where it is.
 */
export async function checkInputs(store: Store, artifact: Artifact, when: "before" | "after"): Promise<void> {
  for (const input of artifact[ARTIFACT].inputs ?? []) await checkInput(store, artifact, input, when);
}

async function checkInput(
  store: Store,
  artifact: Artifact,
  input: Input,
  when: "before" | "after",
): Promise<void> {
  const { kind, sha256 } = input;
  const { path, stamp } = factsOf(input);
  const action = when === "before" ? `Cannot compute ${artifact}` : `Cannot store the result of ${artifact}`;
  if (path === undefined) {
    throw lasting(
      new ValidationError(
        `${action} as nobody knows where its ${
          inputLabel(kind, { sha256 })
        } is, only its content is known: ` +
          `make the artifact with ${kind}(path)`,
      ),
    );
  }
  let now: string;
  try {
    const known = stamp === undefined ? undefined : { sha256, stamp };
    ({ sha256: now } = await contentOf(kind, path, { store, known }));
  } catch (cause) {
    const { message } = cause as Error;
    const where = errorCode((cause as Error).cause) === "ENOENT" ? ` on ${store.machine.self.host}` : "";
    throw new ValidationError(`${action}: ${message}${where}`, { cause });
  }
  if (now === sha256) return;
  const changed = `${kind} '${path}' has another content than when the artifact was made`;
  const digests = `(SHA-256 ${sha256.slice(0, 8)}, now ${now.slice(0, 8)})`;
  throw lasting(
    new ValidationError(
      when === "before"
        ? `${action} as ${changed} ${digests}: run again, for the artifact of the new content`
        : `${action} as its ${changed} ${digests}: it was changed while the task ran; run again when nobody ` +
          `changes it`,
    ),
  );
}
