import { ExecutionError, lasting, MissingArtifactError, SpecMismatchError } from "../../core/errors.ts";
import { ARTIFACT, type Artifact } from "../../task/artifact/artifact.ts";
import { type ExecutionContext, noteLacksOf } from "../context.ts";
import { missingOf } from "../partial/lacks.ts";
import { findForSure } from "../result.ts";
import { specsOn } from "../../task/ladder.ts";
import { specNeeds, specOf } from "../../task/requirements.ts";
import { toleratedOf } from "../../task/tolerated.ts";

/**
 * `get` inside a run: it only loads. Forced, it is for the current node alone, on a worker of exactly its
 * spec (ARCHITECTURE, "Contexts: what get does where"); the worker itself computes the node, so user code
 * that forces it gets what is stored or an error.
 *
 * @throws {MissingArtifactError} {@link ExecutionError} {@link SpecMismatchError}, each naming who asked.
 */
export async function getInExecutor(
  context: ExecutionContext,
  artifact: Artifact,
  options: { force?: boolean; signal?: AbortSignal },
): Promise<unknown> {
  const { runtime, node, spec } = context;
  const asking = node ? `${node}` : "code outside of any task (an event listener?)";
  if (options.force && artifact.hash !== node?.hash) {
    throw new ExecutionError(
      `Cannot force ${artifact} inside a run, asked for by ${asking}: only the current node is computed; ` +
        `leave 'force' out, or name its task in 'force' of the run`,
      { artifact: `${artifact}` },
    );
  }
  const signal = options.signal ?? context.signal;
  const found = await findForSure(runtime, artifact, signal ? { signal } : {});
  if (found.state === "valid") {
    noteLacksOf(context, artifact, found.result.record);
    return await found.result.load();
  }
  if (options.force) {
    const needed = specOf(artifact);
    // Of a spec that grows, `small.2` is another size of `small`.
    const isOne = specsOn(specNeeds(artifact)).some((each) => spec === each || spec?.startsWith(`${each}.`));
    if (!isOne) {
      throw new SpecMismatchError(
        `Cannot compute ${artifact}, asked for by ${asking}: it needs spec '${needed}', this worker has ` +
          `'${spec}'`,
        { artifact: `${artifact}` },
      );
    }
    throw new ExecutionError(`Cannot get ${artifact}: it is being computed by this very call`, {
      artifact: `${artifact}`,
    });
  }
  if (artifact.hash === node?.hash) {
    throw new ExecutionError(`Cannot get ${artifact}: it is being computed by this very call`, {
      artifact: `${artifact}`,
    });
  }
  if (node && toleratedOf(node).has(artifact.hash)) {
    const { lack, reason } = await missingOf(runtime, artifact);
    context.lacks?.set(lack.hash, lack);
    throw lasting(
      new MissingArtifactError(
        `Cannot load ${artifact}, asked for by ${asking}: it failed for good, which the task tolerates: use ` +
          `settle(artifact), which tells it, instead of get(artifact) (${reason.message})`,
        { artifact: `${artifact}`, cause: reason },
      ),
    );
  }
  const why = found.state === "invalid"
    ? ` (what is stored is invalid: ${found.why}; force '${artifact.name}' to compute it again)`
    : "";
  const declared = node?.[ARTIFACT].dependencies.some(({ hash }) => hash === artifact.hash);
  const advice = declared
    ? "it is not stored any more, though it was when the run was planned: run again"
    : "declare it, as a parameter of the task or in its 'dependencies', so that it is computed before";
  throw new MissingArtifactError(
    `Cannot load ${artifact}${why}, asked for by ${asking}: in a run 'get' only loads; ${advice}`,
    { artifact: `${artifact}` },
  );
}
