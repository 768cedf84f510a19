import type { SlurmClient } from "../client/client.ts";
import type { SubmittedJob } from "../client/parse_jobs.ts";
import { jobComment } from "../client/job_options.ts";
import { bearsName } from "./job_identity.ts";

/** The part of a client that is used. */
type Asked = Pick<SlurmClient, "at" | "showJob" | "notice">;

/** What is known of a site: whether it leaves names of jobs as they are. */
const sites = new WeakMap<object, { keepsNames: boolean; isSaid: boolean }>();

/**
 * Asks Slurm back what it calls a job that it took just now. A site that left one name as it was is not asked
 * again; one that rewrites them is said once.
 *
 * @param name The name that the job was given.
 * @returns The name that Slurm knows it by, where that is another one.
 */
export async function listedName(
  client: Asked,
  name: string,
  { jobId, cluster }: SubmittedJob,
): Promise<string | undefined> {
  const site = sites.get(client) ?? { keepsNames: false, isSaid: false };
  sites.set(client, site);
  if (site.keepsNames) return undefined;
  const details = await (await client.at(cluster)).showJob(jobId).catch(() => undefined);
  const detail = details?.find((each) => each.jobId === jobId);
  if (!detail) return undefined;
  if (detail.name === name) {
    site.keepsNames = true;
    return undefined;
  }
  if (!site.isSaid) {
    site.isSaid = true;
    const rewritten = `this site rewrites the names of jobs: '${name}' is '${detail.name}'`;
    const { comment, command } = detail;
    if (bearsName(name, { ...detail, command: undefined })) {
      client.notice?.(`${rewritten}. Jobs are known by their comment '${jobComment(name)}'`);
    } else if (bearsName(name, detail)) {
      client.notice?.(`${rewritten}. Jobs are known by the path of their script, ${command}`);
    } else {
      client.notice?.(
        `${rewritten}, and neither the comment (${comment ?? "none"}) nor the path of the script ` +
          `(${command ?? "none"}) is what it was given. Jobs are known by their ids alone: they are ` +
          `followed, and cancelled only by the process that submitted them`,
      );
    }
  }
  return detail.name;
}
